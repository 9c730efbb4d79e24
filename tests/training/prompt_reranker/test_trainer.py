"""A trained cross-encoder tells which prompt explains a pair; `bank-ranker` uses it."""

import json
import random
from dataclasses import replace

import pytest

from llmexam.errors import ExamError, ModelError, SettingsError, UntrainedModelError
from llmexam.lm.models.card import read_card, write_card
from llmexam.recovery.recoverers.bank_ranker import BankRanker
from llmexam.recovery.recoverers.combination import Combination
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.recovery.trained_rows import FILE, TrainedRows, read_trained_rows
from llmexam.tasks.prompt_recovery.auditing import seen_by_models
from llmexam.tasks.prompt_recovery.plan import RecoveryPlan
from llmexam.testing import check_trainer
from llmexam.tracking.tracker import NoTracker
from llmexam.training.base.dev_set import Graded
from llmexam.training.prompt_reranker.grading import DevLists
from llmexam.training.registry import create_trainer

FAST = {
    "learning_rate": 3e-3,
    "n_epochs": 1,
    "device": "cpu",
    "precision": "fp32",
    "encoding": {"max_tokens": 64},
    "n_negatives": 3,
    "candidates": {"n_folds": 2},
}
MARKS = {"b0": "which is good", "b1": "b2 and c2", "b3": "c3 of c4 .", "b4": "b5 is b6"}


def rewrites(n_rows, seed=0):
    """Rows whose rewritten text has a mark, and prompts that name it."""
    draw = random.Random(seed)
    rows = []
    for i in range(n_rows):
        mark = draw.choice(sorted(MARKS))
        words = [f"c{draw.randrange(8)}" for _ in range(4)]
        rows.append(
            Rewrite(
                f"r{seed}-{i}",
                " ".join(words),
                f"{mark} {' '.join(draw.sample(words, 4))} {mark}",
                f"{mark} {draw.choice(sorted(MARKS.values()))}",
            )
        )
    return RewriteExam(tuple(rows), source=f"rows {seed}")


def train(base, folder, items, dev=None, **settings):
    trainer = create_trainer("prompt-reranker", {"model": str(base), **FAST, **settings})
    return trainer.fit(items, dev, folder, card={}, tracker=NoTracker())


@pytest.fixture(scope="module")
def trained(tiny_base, tmp_path_factory):
    """A model that was hardly trained, for what does not depend on that."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    return train(tiny_base, folder, rewrites(60), max_steps=1)


@pytest.mark.slow
def test_it_satisfies_the_contract_of_trainers(tiny_base, tmp_path):
    def make(**values):
        values = {"checkpoint_every": 1, **values}
        return create_trainer("prompt-reranker", {"model": str(tiny_base), **FAST, **values})

    check_trainer(make, rewrites(24), rewrites(8, seed=1), tmp_path)


@pytest.mark.slow
def test_it_learns_which_prompt_explains_a_pair(tiny_base, tmp_path):
    done = train(
        tiny_base,
        tmp_path / "model",
        rewrites(300),
        rewrites(100, seed=1),
        n_epochs=30,
        dropout=0.0,
    )
    metrics = read_card(done.folder).metrics
    assert metrics["after"]["dev_mrr"] > metrics["before"]["dev_mrr"] + 0.1


def test_its_card_and_rows_are_saved(trained):
    assert trained.card.family == "prompt-reranker"
    assert trained.card.encoding == {"max_tokens": 64}
    assert read_trained_rows(trained.folder) == TrainedRows.of(rewrites(60))
    page = (trained.folder / "README.md").read_text()
    assert "A cross-encoder that reranks candidate prompts" in page
    assert "Evidence" not in page


def test_bank_ranker_scores_candidates_with_it(trained):
    rows, items = others(40, seed=2), rewrites(10, seed=3).without_prompts()
    ranker = BankRanker(n_folds=2, n_judged=3, cross_encoder=str(trained.folder))
    ranker.fit(rows)
    (judge,) = ranker._judges
    asked = []
    score = judge.score
    judge.score = lambda items, prompts: (asked.append(prompts), score(items, prompts))[1]
    found = ranker.recover(items)
    (prompts,) = asked
    assert all(len(own) == 3 for own in prompts)
    assert all(one.text in own for one, own in zip(found, prompts, strict=True))


def retold(n_rows, seed):
    """Rows with other texts than those of `rewrites(60)`, and the same prompts."""
    pairs = zip(rewrites(n_rows, seed=seed), rewrites(60), strict=False)
    return tuple(replace(row, prompt=known.prompt) for row, known in pairs)


def others(n_rows, seed):
    """Rows whose prompts are not among those of `rewrites(60)`."""
    rows = rewrites(n_rows, seed=seed)
    return replace(rows, rows=tuple(replace(row, prompt=f"{row.prompt} c7") for row in rows))


def test_weights_are_fitted_on_rows_that_it_has_not_seen(trained):
    ranker = BankRanker(n_folds=2, cross_encoder=str(trained.folder))
    # Neither these rows, nor other texts under these prompts.
    known = (*rewrites(60).rows, *retold(20, seed=6))
    ranker.fit(RewriteExam((*known, *others(30, seed=2).rows)))
    held = [row.id for one in ranker._held_out() for row in one.items]
    assert sorted(held) == sorted(others(30, seed=2).ids)
    with pytest.raises(ExamError, match="texts or prompts of all but 3 of 83 training rows"):
        ranker.fit(RewriteExam((*known, *others(3, seed=2).rows)))


def test_combinations_are_fitted_on_rows_that_models_have_not_seen(trained, monkeypatch):
    member = {"solver": "bank-ranker", "n_folds": 2, "cross_encoder": str(trained.folder)}
    combination = Combination(members=[member, "constant"], folds=2)
    fitted = []
    fit = combination.combiner.fit
    monkeypatch.setattr(
        combination.combiner,
        "fit",
        lambda answers, prompts: (fitted.append(list(prompts)), fit(answers, prompts)),
    )
    combination.fit(RewriteExam((*rewrites(60).rows, *others(40, seed=2).rows)))
    assert fitted == [others(40, seed=2).prompts]


def test_rows_that_a_model_has_seen_are_a_finding(trained):
    same = tuple(replace(row, rewritten=f" {row.rewritten}\n") for row in rewrites(5))
    items = RewriteExam((*same, *retold(2, seed=4), *others(3, seed=5).rows))
    plan = RecoveryPlan.parse(
        {
            "exam": "x.csv",
            "folds": {"n": 2},
            "solvers": [
                "constant",
                {
                    "combination": {
                        "members": [
                            "regressor",
                            {"solver": "bank-ranker", "cross_encoder": str(trained.folder)},
                        ]
                    }
                },
            ],
        },
        subject="plan",
    )
    texts, prompts = seen_by_models(plan, items)
    assert (texts.severity, texts.rows) == ("warning", (1, 2, 3, 4, 5))
    assert "5 rows that the model of 'combination' was trained on" in texts.message
    assert (prompts.severity, prompts.rows) == ("warning", (6, 7))
    assert "2 rows with prompts that the model" in prompts.message


def test_lists_have_the_true_prompt_first_and_graded_negatives():
    ranker = BankRanker(n_folds=2)
    lists = ranker.fit_lists(rewrites(40), 3)
    assert sorted(one.row.id for one in lists) == sorted(rewrites(40).ids)
    for one in [*lists, *ranker.lists_for(rewrites(10, seed=5), 3)]:
        assert one.prompts[0] == one.row.prompt
        assert one.labels[0] == 1
        assert len(set(one.prompts)) == len(one.prompts) == 4
        assert min(one.labels) >= 0


def test_only_rows_that_are_trained_on_are_recorded(tiny_base, tmp_path):
    settings = {"candidates": {"n_folds": 2, "n_fitted": 12}, "max_steps": 1}
    done = train(tiny_base, tmp_path / "model", rewrites(40), **settings)
    assert len(read_trained_rows(done.folder).pairs) == 12
    assert done.notes[-1] == "trained on 12 of 40 rows (candidates.n_fitted)"


def test_dev_rows_choose_the_best_step(tiny_base, tmp_path, monkeypatch):
    # Before training, and after 2, 4 and 6 of 12 steps; then two in a row had no better value.
    values = [(0.3, 3, 0.9), (0.5, 2, 0.8), (0.5, 1, 0.7), (0.4, 0, 0.6)]
    planned = iter([Graded(mrr, loss, {"chosen": chosen}) for mrr, loss, chosen in values])
    grade, by_weights = DevLists.grade, {}

    def grade_as_planned(self):
        # Equal weights have equal losses, so a step that is loaded again gets its own grade.
        real = grade(self).loss
        if real not in by_weights:
            by_weights[real] = next(planned)
        return by_weights[real]

    monkeypatch.setattr(DevLists, "grade", grade_as_planned)
    settings = {"n_epochs": 4, "evaluate_every": 2, "patience": 2}
    done = train(tiny_base, tmp_path / "model", rewrites(24), rewrites(12, seed=1), **settings)
    graded = {p.step: p.values["dev_mrr"] for p in done.curve if "dev_mrr" in p.values}
    assert {step: graded[step] for step in graded if step} == {2: 0.5, 4: 0.5, 6: 0.4}
    # The loss decides between equal values.
    assert done.best_step == 4
    assert done.card.metrics["before"]["dev_mrr"] == 0.3
    assert done.card.metrics["after"] == {"dev_mrr": 0.5, "dev_chosen": 0.7}
    with pytest.raises(SettingsError, match="label_smoothing"):
        create_trainer("prompt-reranker", {**FAST, "label_smoothing": 0.1}).check_machine()
    with pytest.raises(SettingsError, match="keywords"):
        create_trainer("prompt-reranker", {**FAST, "candidates": {"keywords": 4}})


def test_models_of_another_family_are_refused(trained, tmp_path):
    card = read_card(trained.folder)
    for file in trained.folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    write_card(tmp_path, card.model_copy(update={"family": "reranker"}))
    ranker = BankRanker(n_folds=2, cross_encoder=str(tmp_path))
    with pytest.raises(
        UntrainedModelError, match=r"'cross_encoder'.*'prompt-reranker', got one of 'reranker'"
    ):
        ranker.fit(others(30, seed=2))
    (tmp_path / FILE).write_text(json.dumps({"a": 1}))
    with pytest.raises(ModelError, match="expected lists of hashes"):
        ranker.fit(others(30, seed=2))


def test_rows_of_one_prompt_are_an_error(tiny_base, tmp_path):
    same = tuple(replace(row, prompt="which is good") for row in rewrites(12))
    with pytest.raises(ExamError, match="at least 2 groups of near-equal prompts"):
        train(tiny_base, tmp_path / "model", RewriteExam(same))
