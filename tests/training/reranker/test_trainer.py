"""A trained reranker puts passages first that tell why an option is right."""

import json
import random
from dataclasses import replace

import pytest
import yaml

from llmexam.errors import ExamError, SettingsError
from llmexam.evidence.reranker import RerankerSettings, load_reranker
from llmexam.evidence.retriever import attach_passages
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.writers import write_exam
from llmexam.lm.models.card import read_card
from llmexam.lm.models.loading import resolve_model
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_trainer
from llmexam.tracking.tracker import NoTracker
from llmexam.training.registry import create_trainer
from llmexam.workflows.run.pipeline import run_plan
from llmexam.workflows.train.pipeline import train_recipe

FAST = {
    "learning_rate": 3e-3,
    "n_epochs": 8,
    "device": "cpu",
    "precision": "fp32",
    "encoding": {"max_tokens": 48},
    "n_negatives": 3,
}


def passages_exam(n_questions, seed=0):
    """Questions about b0 or b1, which helpful passages hold and others never do."""
    draw = random.Random(seed)
    questions = []
    for i in range(n_questions):
        right, wrong = draw.sample(["b0", "b1"], 2)
        good = Passage(f"{right} is of c{draw.randrange(8)} .", id=f"good{i}")
        bad = [
            Passage(f"b{draw.randrange(2, 8)} is of c{draw.randrange(8)} .", id=f"bad{i}-{n}")
            for n in range(4)
        ]
        found = draw.sample([good, *bad], 5)
        question = Question(f"q{seed}-{i}", "which is good", (right, wrong), 0, tuple(found))
        questions.append(question)
    return Exam(tuple(questions))


def train(base, folder, exam, dev=None, **settings):
    trainer = create_trainer("reranker", {"model": str(base), **FAST, **settings})
    return trainer.fit(exam, dev, folder, card={}, tracker=NoTracker())


class Lookup:
    """Finds the passages of an exam in their order."""

    def __init__(self, exam) -> None:
        self.found = [list(question.passages) for question in exam]

    def retrieve(self, queries, k):
        return [passages[:k] for passages in self.found]


def first_ids(exam):
    return [question.passages[0].id[:4] for question in exam]


def test_the_trainer_keeps_the_contract(tiny_base, tmp_path):
    def make(**changes):
        small = {"n_epochs": 3, "log_every": 1, "checkpoint_every": 2}
        return create_trainer("reranker", {"model": str(tiny_base), **FAST, **small, **changes})

    dev = passages_exam(12, seed=1)
    # It gives no scores of options, so there is neither parity nor chance.
    check_trainer(make, passages_exam(12), dev, tmp_path / "out", accumulate={"dropout": 0.0})


@pytest.mark.parametrize(
    "query_form", ["prompt+options", pytest.param("each-option", marks=pytest.mark.slow)]
)
def test_helpful_passages_come_first(tiny_base, tmp_path, query_form):
    exam, dev = passages_exam(48), passages_exam(16, seed=1)
    encoding = {"max_tokens": 48, "query_form": query_form}
    done = train(tiny_base, tmp_path / "out", exam, dev, encoding=encoding)
    before, after = (done.card.metrics[when]["dev_mrr"] for when in ("before", "after"))
    assert before < 0.9 < 0.95 < after
    reranker = load_reranker(RerankerSettings(model=str(done.folder), depth=5, precision="fp32"))
    assert reranker.weights_hash == resolve_model(str(done.folder)).weights_hash
    before = attach_passages(dev, Lookup(dev), query_form="prompt", k=2, given="drop")
    after = attach_passages(
        dev, Lookup(dev), query_form="prompt", k=2, given="drop", reranker=reranker
    )
    n_good = [sum(name == "good" for name in first_ids(found)) for found in (before, after)]
    assert n_good[0] < 8 < 13 <= n_good[1]


def test_a_reranker_is_no_solver_and_a_solver_no_reranker(tiny_base, tmp_path):
    exam = passages_exam(8)
    done = train(tiny_base, tmp_path / "out", exam, n_epochs=1)
    assert read_card(done.folder).family == "reranker"
    with pytest.raises(SettingsError, match="got one for 'reranker'"):
        create_solver("cross-encoder", {"model": str(done.folder)}).score(exam.questions)
    reader = create_trainer(
        "cross-encoder",
        {
            "model": str(tiny_base),
            **{key: FAST[key] for key in ("device", "precision", "encoding")},
            "n_epochs": 1,
        },
    ).fit(exam, None, tmp_path / "reader", card={}, tracker=NoTracker())
    with pytest.raises(SettingsError, match="expected a reranker"):
        load_reranker(RerankerSettings(model=str(reader.folder)))


def test_judgements_say_which_passages_help(tiny_base, tmp_path):
    exam = passages_exam(8)
    qrels = tmp_path / "judged.qrels"
    # Against the words: the first bad passage of each question is the one that helps.
    qrels.write_text("".join(f"{q.id} 0 bad{i}-0 1\n" for i, q in enumerate(exam)))
    trainer = create_trainer(
        "reranker", {"model": str(tiny_base), **FAST, "judgements": str(qrels)}
    )
    from llmexam.training.pairs.training import load_trainee

    lists = trainer._lists(exam, load_trainee(trainer.settings, 48))
    for question, own in zip(exam, lists.lists, strict=True):
        texts = {passage.id[:4] + passage.id[-2:]: passage.text for passage in question.passages}
        assert own.pairs[0].second == texts["bad" + question.id.split("-")[1][:1] + "-0"]
        assert own.labels == (1, 0, 0, 0)


def test_a_recipe_trains_one(tiny_base, tmp_path):
    exam = passages_exam(40)
    texts = [f"which is good {chr(97 + i % 26) * (i + 1)}" for i in range(len(exam))]
    named = Exam(tuple(replace(q, prompt=text) for q, text in zip(exam, texts, strict=True)))
    write_exam(tmp_path / "train.jsonl", named, format="jsonl")
    recipe = {
        "family": "reranker",
        "train": "train.jsonl",
        "split": {"train": 0.8, "dev": 0.2},
        "settings": {"model": str(tiny_base), **FAST, "n_epochs": 1},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    done = train_recipe(tmp_path / "recipe.yaml", tmp_path / "out")
    assert done.results["exams"] == {}
    card = read_card(tmp_path / "out" / "model")
    assert (card.family, card.evidence.source) == ("reranker", "given")
    assert set(card.metrics) == {"before", "after"}
    assert train_recipe(tmp_path / "recipe.yaml", tmp_path / "out").was_done
    with pytest.raises(SettingsError, match="answers no questions"):
        train_recipe(tmp_path / "recipe.yaml", tmp_path / "x", changes={"folds": 2})


def test_a_run_puts_what_it_finds_in_order(tiny_base, tmp_path):
    exam = passages_exam(6)
    done = train(tiny_base, tmp_path / "reranker", exam, n_epochs=1)
    bare = Exam(tuple(replace(q, passages=()) for q in exam))
    write_exam(tmp_path / "exam.jsonl", bare, format="jsonl")
    texts = {passage.text: passage.id for question in exam for passage in question.passages}
    (tmp_path / "corpus.jsonl").write_text(
        "".join(json.dumps({"id": id_, "text": text}) + "\n" for text, id_ in texts.items())
    )
    plan = {
        "exam": "exam.jsonl",
        "evidence": {
            "corpus": "corpus.jsonl",
            "k": 2,
            "reranker": {"model": str(done.folder), "depth": 5, "precision": "fp32"},
        },
        "solvers": ["lexical"],
        "evaluation": {"n_resamples": 100, "positions": False},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))

    def run(**evidence):
        content = run_plan(tmp_path / "plan.yaml", tmp_path / "run", changes={"evidence": evidence})
        return content, {stage.name: stage.cached for stage in content.stages}["search"]

    first, was_cached = run()
    assert not was_cached
    assert "reranked from the top 5" in first.provenance["search"]
    reranker = load_reranker(RerankerSettings(model=str(done.folder), depth=5, precision="fp32"))
    for question in first.exam:
        scores = [passage.score for passage in question.passages]
        assert len(scores) == 2
        assert scores == sorted(scores, reverse=True)
        (again,) = reranker.rerank([question], [question.passages], 2)
        assert [p.score for p in again] == pytest.approx(scores, abs=1e-5)
    assert run()[1]
    assert not run(reranker={"depth": 4})[1]


def test_an_exam_without_help_is_refused(tiny_base, tmp_path):
    bare = Exam(tuple(replace(q, passages=()) for q in passages_exam(3)))
    with pytest.raises(ExamError, match="no training question has a relevant passage"):
        train(tiny_base, tmp_path / "out", bare)


def test_an_estimate_counts_lists(tiny_base):
    found = create_trainer("reranker", {"model": str(tiny_base), **FAST}).estimate(
        passages_exam(16)
    )
    assert (found.n_questions, found.details["pairs"], found.n_steps) == (16, "64", 16)
