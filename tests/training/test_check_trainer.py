"""The check that trainers must pass finds each fault that it is there for."""

import json
import random
import time
from types import SimpleNamespace

import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard
from llmexam.settings.base import Settings
from llmexam.testing import check_trainer
from llmexam.training.protocol import CurvePoint, Estimate
from llmexam.training.trained_model import read_trained_model, write_trained_model

N_STEPS = 5


def exam(n, name):
    options = ("w", "x", "y", "z")
    return Exam(tuple(Question(f"{name}{i}", f"{name} {i}?", options, i % 4) for i in range(n)))


TRAIN, DEV = exam(8, "train"), exam(200, "dev")


def guesses(questions):
    draws = [random.Random(question.id) for question in questions]
    return [[draw.random() for _ in q.options] for draw, q in zip(draws, questions, strict=True)]


class FakeSettings(Settings):
    checkpoint_every: int = 1
    batch_size: int = 8
    gradient_accumulation: int = 1
    fault: str = ""


class FakeTrainer:
    """Learns nothing, step by step, with a checkpoint after each; or has one fault."""

    settings_class = FakeSettings

    def __init__(self, settings):
        self.settings = settings
        self.fault = settings.fault

    def check_machine(self):
        pass

    def estimate(self, train):
        n_steps = N_STEPS + (self.fault == "miscounts")
        return Estimate(len(train), 10, n_steps, 0, 0.0, 1.0, 1.0)

    def fit(self, train, dev, folder, *, card, tracker, resume=True):
        if (done := read_trained_model(folder)) is not None:
            return done
        place = folder / "checkpoints" / "state.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        told = {"weight": 0.0, "losses": []}
        if place.is_file() and self.fault != "restarts":
            told = json.loads(place.read_text())
        while len(told["losses"]) < N_STEPS:
            step = len(told["losses"]) + 1
            loss = step * (self.settings.gradient_accumulation if self.fault == "scales" else 1)
            told["losses"].append(loss)
            told["weight"] += time.perf_counter() if self.fault == "drifts" else step
            if self.fault != "keeps quiet":
                tracker.log(step, {"loss": loss, "grad_norm": loss})
            place.write_text(json.dumps(told))
        known = {"family": "fake", "base_model": "none", "base_weights_hash": "", **card}
        if self.fault == "hides":
            known.pop("evidence", None)
        scores = None
        if dev is not None:
            rows = guesses(dev)
            for question, row in zip(dev, rows, strict=True):
                row[question.answer] += 0.5 * (self.fault == "peeks")
            scores = ScoreMatrix.from_rows(dev.ids, rows)
        curve = [
            CurvePoint(i, {"loss": x, "grad_norm": x}) for i, x in enumerate(told["losses"], 1)
        ]
        return write_trained_model(
            folder,
            lambda to: (to / "weights.json").write_text(json.dumps(told["weight"])),
            ModelCard(**known, training=self.settings.model_dump(mode="json")),
            curve=curve,
            best_step=N_STEPS,
            dev_scores=scores,
        )


def check(folder, fault="", serve=guesses):
    def score(questions):
        return ScoreMatrix.from_rows([q.id for q in questions], serve(questions))

    return check_trainer(
        lambda **changes: FakeTrainer(FakeSettings(**{"fault": fault, **changes})),
        TRAIN,
        DEV,
        folder,
        serve=lambda model: SimpleNamespace(score=score),
        accumulate={},
    )


def test_a_trainer_without_faults_passes(tmp_path):
    assert check(tmp_path).card.data["train"] == TRAIN.content_hash


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("drifts", "ends with identical weights"),
        ("restarts", "resumes from a checkpoint"),
        ("keeps quiet", "receives each curve point"),
        ("hides", "the card contains the evidence"),
        ("miscounts", "counts the steps: expected 5, got 6"),
        ("scales", "accumulation keeps losses"),
    ],
)
def test_faults_are_found(tmp_path, fault, told):
    with pytest.raises(AssertionError, match=told):
        check(tmp_path, fault)


def test_a_look_at_the_answers_is_found(tmp_path):
    def peeking(questions):
        rows = guesses(questions)
        for question, row in zip(questions, rows, strict=True):
            row[question.answer] += 0.5
        return rows

    with pytest.raises(AssertionError, match="training on random answers ends at chance"):
        check(tmp_path, "peeks", serve=peeking)


def test_other_scores_in_serving_are_found(tmp_path):
    with pytest.raises(AssertionError, match="the solver returns the scores of the training"):
        check(tmp_path, serve=lambda questions: [[0.0] * 4 for _ in questions])
