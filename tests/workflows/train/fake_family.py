"""A family that learns how often the longest option is right: no weights, but all the rest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pydantic import Field

from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import BaseSolver
from llmexam.training.protocol import CurvePoint, Estimate
from llmexam.training.trained_model import write_trained_model


class FakeSettings(Settings):
    power: float = Field(1.0, description="of the counts")
    seed: int = Field(0, description="of nothing much")


class FakeTrainer:
    settings_class = FakeSettings
    fitted: list = []  # noqa: RUF012
    fail = False

    def __init__(self, settings):
        self.settings = settings

    def fit(self, train, dev, folder, *, card, tracker, resume=True):
        if FakeTrainer.fail:
            raise KeyboardInterrupt
        FakeTrainer.fitted.append((folder.name, train, dev))
        counts = np.ones(26)
        for question in train:
            order = np.argsort([-len(o) for o in question.options], kind="stable")
            counts[list(order).index(question.answer)] += 1
        counts += 1e-3 * self.settings.seed
        curve = [CurvePoint(step, {"loss": 1.6 / step, "dev_map_at_3": 0.5}) for step in (1, 2)]
        for point in curve:
            tracker.log(point.step, point.values)
        told = {"family": "multiple-choice", "base_model": "none", "base_weights_hash": ""}
        return write_trained_model(
            folder,
            lambda to: (to / "counts.json").write_text(json.dumps(counts.tolist())),
            ModelCard(**told, **card),
            curve=curve,
            best_step=2,
            notes=["a note"],
        )

    def check_machine(self):
        pass

    def estimate(self, train):
        n_tokens = sum(len(q.prompt.split()) for q in train)
        return Estimate(len(train), n_tokens, 7, 3, 0.25, 95.0, 123.0, {"steps timed": "2"})


class FakeSolverSettings(Settings):
    model: str = Field(description="folder")


class FakeSolver(BaseSolver):
    settings_class = FakeSolverSettings

    def __init__(self, settings):
        self.settings = settings
        self._counts = json.loads((Path(settings.model) / "counts.json").read_text())

    def score(self, questions):
        rows = []
        for question in questions:
            order = np.argsort([-len(o) for o in question.options], kind="stable")
            row = np.zeros(len(order))
            row[order] = self._counts[: len(order)]
            rows.append(row)
        return ScoreMatrix.from_rows([q.id for q in questions], rows)
