import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.training.ranker.conftest import SMALL, train

from llmexam.errors import ExamError, ModelError, ScoreError, SettingsError
from llmexam.evaluation.metrics import map_at_k
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard, read_card, write_card
from llmexam.solvers.registry import create_solver
from llmexam.testing import check_solver, check_trainer
from llmexam.training.folds import out_of_fold_metadata
from llmexam.training.protocol import Trainer
from llmexam.training.ranker.settings import RankerTrainingSettings
from llmexam.training.ranker.trainer import RankerTrainer
from llmexam.training.registry import create_trainer


def ranker(folder, **settings):
    return create_solver("ranker", {"model": str(folder), **settings})


def test_the_trainer_keeps_the_contract(exam, tmp_path):
    def make(**changes):
        return create_trainer("ranker", {**SMALL, "n_folds": 2, **changes})

    train, dev = exam.subset(range(30)), exam.subset(range(60, 90))
    check_trainer(make, train, dev, tmp_path, serve=ranker, tolerance=0.0)


def test_a_trained_ranker_keeps_the_contract(trained):
    check_solver(lambda: ranker(trained.folder))


@pytest.mark.parametrize("kind", ["logit", pytest.param("trees", marks=pytest.mark.slow)])
def test_each_kind_keeps_the_contract(kind, exam, tmp_path):
    train(exam, tmp_path, kind=kind)
    assert (tmp_path / "trees.txt").exists() == (kind == "trees")
    check_solver(lambda: ranker(tmp_path))


def test_the_ranker_beats_its_members_on_questions_it_has_not_seen(trained, exam):
    oof = read_scores(trained.folder / "out_of_fold.parquet")[0]
    own = map_at_k(oof.ranking, exam.answers)
    for name in ("lexical", "longest"):
        scores = create_solver(name).score(exam.questions)
        assert own > map_at_k(scores.ranking, exam.answers)
    assert trained.card.metrics["out_of_fold"]["value"] == pytest.approx(own)


def test_what_is_served_is_what_was_trained(exam, tmp_path):
    """The dev questions scored in training and by the solver that is loaded from disk."""
    done = train(exam.subset(range(60)), tmp_path, dev=exam.subset(range(60, 90)))
    served = ranker(tmp_path).score(exam.questions[60:])
    assert served.values.tolist() == done.dev_scores.values.tolist()
    assert done.card.metrics["dev"]["value"] == pytest.approx(
        map_at_k(served.ranking, exam.answers[60:])
    )


@pytest.mark.slow
def test_the_card_says_what_it_is_made_of(exam, tmp_path):
    done = train(exam, tmp_path, member_gains=True)
    card = read_card(tmp_path)
    assert card == done.card
    assert card.family == "ranker"
    assert card.data == {"train": exam.content_hash}
    assert set(card.metrics["members"]) == {"lexical", "longest"}
    gain = card.metrics["members"]["lexical"]["gain"]
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert gain["value"] > 0
    assert "lexical/score" in card.metrics["coefficients"]
    assert sum(card.metrics["importances"].values()) == pytest.approx(1, abs=0.01)
    assert [point.step for point in done.curve] == [0, 10, 20]
    assert done.curve[0].values["dev_loss"] == pytest.approx(np.log(4))


def test_it_says_what_speaks_for_an_option(trained, exam):
    solver = ranker(trained.folder)
    asked = exam.questions[:5]
    scores = solver.score(asked)
    for explanation, row in zip(solver.explain(asked), scores.rows(), strict=True):
        said = [float(r.note.split()[1].rstrip(":")) for r in explanation.options]
        # Notes are log-odds against the mean of the options, rounded.
        assert said == pytest.approx((row - row.mean()).tolist(), abs=0.006)
        assert any(reason.supports for reason in explanation.options)


def test_members_are_asked_once_for_scores_and_reasons(trained, exam):
    solver = ranker(trained.folder)
    assert solver.describe().members
    counts = {name: 0 for name in solver.members}

    def counting(name, member):
        class Counting(type(member)):
            def score(self, questions):
                counts[name] += len(questions)
                return super().score(questions)

        return Counting(member.settings)

    asked = solver.with_members({n: counting(n, m) for n, m in solver.members.items()})
    asked.score(exam.questions)
    asked.explain(exam.questions)
    assert counts == {"lexical": 90, "longest": 90}


def test_only_a_ranker_whose_members_read_evidence_was_trained_on_some(trained, exam, tmp_path):
    assert ranker(trained.folder).trained_on_evidence == read_card(trained.folder).evidence
    train(exam, tmp_path / "texts", kind="logit", members=["longest"])
    assert ranker(tmp_path / "texts").trained_on_evidence is None


@pytest.fixture(scope="module")
def inner(tmp_path_factory, exam):
    folder = tmp_path_factory.mktemp("inner") / "model"
    train(exam, folder, kind="logit")
    return folder


class TestLeaks:
    @pytest.fixture
    def model(self, tmp_path, inner):
        """A member with a card, as if it were trained: a ranker of its own."""
        return shutil.copytree(inner, tmp_path / "inner")

    def fit(self, exam, tmp_path, model, **more):
        member = {"solver": "ranker", "name": "inner", "settings": {"model": str(model)}, **more}
        return train(exam, tmp_path / "outer", kind="logit", members=[member, "longest"])

    def test_a_member_trained_on_the_questions_is_refused(self, exam, tmp_path, model):
        with pytest.raises(SettingsError, match=r"'inner' is a trained model and may have seen"):
            self.fit(exam, tmp_path, model)
        with pytest.raises(SettingsError, match=r"'inner' was trained on these questions"):
            self.fit(exam, tmp_path, model, trained_elsewhere=True)
        assert not (tmp_path / "outer").exists()

    def test_a_member_trained_on_who_knows_what_is_refused(self, exam, tmp_path, model):
        other = exam.subset(range(80))
        with pytest.raises(SettingsError, match=r"may have seen.*out_of_fold"):
            self.fit(other, tmp_path, model)
        self.fit(other, tmp_path, model, trained_elsewhere=True)

    def test_a_member_that_only_chose_its_step_by_these_questions_may_score_them(
        self, exam, tmp_path, model
    ):
        other = exam.subset(range(80))
        card = read_card(model)
        write_card(model, card.model_copy(update={"data": {"dev": other.content_hash}}))
        with pytest.raises(SettingsError, match=r"may have seen"):
            self.fit(other, tmp_path, model)
        done = self.fit(other, tmp_path, model, trained_elsewhere=True)
        assert "member 'inner' selected its best step on these questions" in done.notes

    def test_out_of_fold_scores_take_its_place(self, exam, tmp_path, model):
        given = model / "out_of_fold.parquet"
        for asked in (exam.subset(range(20, 80)), exam):
            self.fit(asked, tmp_path, model, out_of_fold=given)
        specs = json.loads((tmp_path / "outer" / "ranker.json").read_text())["members"]
        # Its features would tell the answers too, so they are never read.
        assert [spec["uses_features"] for spec in specs] == [False, False]
        assert len(ranker(tmp_path / "outer").score(exam.questions[:3])) == 3

    def test_scores_that_say_they_are_not_out_of_fold_are_refused(self, exam, tmp_path, model):
        path = tmp_path / "scores.parquet"
        write_scores(path, create_solver("longest").score(exam.questions), {"out_of_fold": "false"})
        with pytest.raises(ScoreError, match="not out of fold"):
            self.fit(exam, tmp_path, model, out_of_fold=path)

    def test_scores_that_a_run_wrote_are_not_out_of_fold(self, exam, tmp_path, model):
        path = tmp_path / "run.parquet"
        write_scores(path, create_solver("longest").score(exam.questions), {"solver": "longest"})
        with pytest.raises(ScoreError, match="not out of fold"):
            self.fit(exam, tmp_path, model, out_of_fold=path)

    def test_scores_of_other_questions_with_the_same_ids_are_refused(self, exam, tmp_path, model):
        path = tmp_path / "oof.parquet"
        other = Exam(tuple(replace(q, prompt=f"{q.prompt} Or so?") for q in exam))
        scores = create_solver("longest").score(exam.questions)
        write_scores(path, scores, out_of_fold_metadata("multiple-choice", other))
        for asked in (exam, exam.subset(range(60))):
            with pytest.raises(ScoreError, match="another question with the same id"):
                self.fit(asked, tmp_path, model, out_of_fold=path)
        bare = exam.without_passages()
        write_scores(path, scores, out_of_fold_metadata("multiple-choice", bare))
        done = self.fit(exam.subset(range(60)), tmp_path, model, out_of_fold=path)
        assert any("other texts or evidence" in note for note in done.notes)

    def test_scores_of_other_questions_are_refused(self, exam, tmp_path, model):
        path = tmp_path / "scores.parquet"
        write_scores(path, create_solver("longest").score(exam.questions[:10]))
        with pytest.raises(ScoreError, match=r"scores\.parquet.*do not belong to this exam"):
            self.fit(exam, tmp_path, model, out_of_fold=path)


def test_noise_members_do_not_look_useful(tmp_path):
    """Out of fold, a ranker over noise earns chance: nothing leaks between folds."""
    rng = np.random.default_rng(3)
    questions = tuple(
        Question(f"q{i}", f"Number {i}?", tuple(rng.permutation(list("vwxyz")).tolist()), 0)
        for i in range(300)
    )
    noise = Exam(tuple(q.with_option_order(rng.permutation(5).tolist()) for q in questions))
    given = tmp_path / "noise.parquet"
    write_scores(given, ScoreMatrix.from_rows(noise.ids, rng.normal(size=(300, 5))))
    member = {"solver": "random", "out_of_fold": str(given)}
    done = train(noise, tmp_path / "r", members=[member])
    found = done.card.metrics["out_of_fold"]
    # Four standard errors of 0.38 / sqrt(300).
    assert found["value"] == pytest.approx(11 / 30, abs=0.09)


def test_changed_weights_of_a_member_are_noticed(trained, exam, tmp_path):
    shutil.copytree(trained.folder, tmp_path, dirs_exist_ok=True)
    saved = json.loads((tmp_path / "ranker.json").read_text())
    saved["members"][0]["weights_hash"] = "another"
    (tmp_path / "ranker.json").write_text(json.dumps(saved))
    with pytest.raises(ModelError, match="model of member 'lexical' differs from the one"):
        ranker(tmp_path).score(exam.questions[:1])


def test_damaged_files_are_named(trained, exam, tmp_path):
    shutil.copytree(trained.folder, tmp_path, dirs_exist_ok=True)
    trees = tmp_path / "trees.txt"
    trees.write_text(trees.read_text().replace("leaf_value=", "leaf_value=1", 1))
    with pytest.raises(ModelError, match=r"trees\.txt.*differs from the one that was trained"):
        ranker(tmp_path).score(exam.questions[:1])
    (tmp_path / "ranker.json").write_text("{")
    with pytest.raises(ModelError, match=r"ranker\.json.*cannot be read"):
        ranker(tmp_path)
    (tmp_path / "ranker.json").unlink()
    with pytest.raises(ModelError, match="no trained ranker"):
        ranker(tmp_path)


def test_what_is_no_ranker_is_refused(trained, tmp_path):
    with pytest.raises(SettingsError, match=r"no llmexam\.json"):
        ranker(tmp_path)
    card = trained.card.model_copy(update={"family": "cross-encoder"})
    write_card(tmp_path, ModelCard.model_validate(card.model_dump()))
    with pytest.raises(SettingsError, match="got one for 'cross-encoder'"):
        ranker(tmp_path)


def test_settings_of_members_can_be_changed_where_they_are_known(trained):
    solver = ranker(trained.folder, members={"lexical": {"n_supports": 1}})
    assert solver.members["lexical"].settings.n_supports == 1
    with pytest.raises(SettingsError, match=r"no member 'lexicl'.*Did you mean 'lexical'"):
        ranker(trained.folder, members={"lexicl": {}})


def test_questions_without_answers_cannot_train(exam, tmp_path):
    with pytest.raises(ExamError, match="no answer"):
        train(Exam(tuple(Question(q.id, q.prompt, q.options) for q in exam)), tmp_path)


def test_members_are_written_as_in_a_plan():
    def members(*given):
        values = {"members": list(given)}
        return RankerTrainingSettings.parse(values, subject="training").members

    plain, named, short = members(
        "lexical",
        {"solver": "lexical", "name": "wide", "reach": 20, "out_of_fold": "a.parquet"},
        {"longest": {"unit": "words"}},
    )
    assert (plain.name, plain.settings.reach) == ("lexical", 8)
    assert (named.name, named.settings.reach) == ("wide", 20)
    assert str(named.out_of_fold) == "a.parquet"
    assert short.settings.unit == "words"
    with pytest.raises(SettingsError, match="in a member name, got 'a/b'"):
        members({"solver": "lexical", "name": "a/b"})
    with pytest.raises(SettingsError, match="two members have the name 'lexical'"):
        members("lexical", "lexical")


def test_the_registry_makes_a_trainer_that_estimates(exam):
    trainer: Trainer = create_trainer("ranker", SMALL)
    assert isinstance(trainer, RankerTrainer)
    estimate = trainer.estimate(exam)
    assert estimate.n_questions == 90
    assert estimate.n_steps == 20
    assert estimate.seconds > 0


def test_folds_choose_whether_texts_are_weighed(exam, tmp_path):
    """The longest option is right more often, which a member that says nothing leaves to texts."""
    silent = tmp_path / "silent.parquet"
    write_scores(silent, ScoreMatrix.from_rows(exam.ids, [[0.0] * 4] * len(exam)))
    member = {"solver": "random", "out_of_fold": str(silent)}
    done = train(exam, tmp_path / "texts", kind="logit", members=[member])
    assert done.card.metrics["weighs_texts"] is True
    assert done.card.metrics["coefficients"]
    without = train(exam, tmp_path / "none", kind="logit", members=[member], weigh_texts=False)
    assert without.card.metrics["weighs_texts"] is False
    assert without.card.metrics["coefficients"] == {}
    assert done.card.metrics["out_of_fold"]["value"] > without.card.metrics["out_of_fold"]["value"]


def test_questions_with_several_right_options_are_scored_and_not_fitted(exam, tmp_path):
    several = [
        replace(question, answer=0, right=(0, 1)) if i < 5 else question
        for i, question in enumerate(exam)
    ]
    done = train(Exam(tuple(several)), tmp_path / "some", kind="logit")
    scores = read_scores(tmp_path / "some" / "out_of_fold.parquet")[0]
    assert scores.question_ids == exam.ids
    assert done.card.metrics["out_of_fold"]["value"] > 0
    every = Exam(tuple(replace(question, answer=0, right=(0, 1)) for question in exam))
    with pytest.raises(ExamError, match="every training question has several right options"):
        train(every, tmp_path / "all", kind="logit")
