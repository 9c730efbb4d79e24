"""Train solver `ranker`: score with the members, fit, and evaluate out of fold."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from llmexam.evaluation.alignment import require_answers
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import CARD_FILE, ModelCard, write_card
from llmexam.solvers.ranker.encoding import OptionRows
from llmexam.solvers.ranker.model import RankerModel, write_ranker
from llmexam.tracking.tracker import Tracker
from llmexam.training.folds import out_of_fold_metadata
from llmexam.training.protocol import CurvePoint, Estimate, TrainedModel
from llmexam.training.ranker.boosting import STEP, fit_trees
from llmexam.training.ranker.conditional_logit import Choices
from llmexam.training.ranker.fitting import (
    RIDGES,
    Fitted,
    fit_ranker,
    right_rows,
    score_out_of_fold,
)
from llmexam.training.ranker.measuring import measure, measure_columns, measure_members
from llmexam.training.ranker.members import check_members, make_members
from llmexam.training.ranker.settings import RankerTrainingSettings
from llmexam.training.trained_model import write_result

OUT_OF_FOLD_FILE = "out_of_fold.parquet"
"""Scores of the training questions by rankers that never saw them, beside the ranker."""

_SAMPLE = 16


class RankerTrainer:
    """Trains a ranker over other solvers.

    The folder gets `ranker.json`, `trees.txt` where there are trees, the card, and the ranker's
    own out-of-fold scores of the training questions.

    Raises:
        ScoreError: Out-of-fold scores are not there.
        SettingsError: A member was trained and brings no scores.
    """

    settings_class = RankerTrainingSettings

    def __init__(self, settings: RankerTrainingSettings) -> None:
        check_members(settings)
        self.settings = settings

    def fit(
        self,
        train: Exam,
        dev: Exam | None,
        folder: Path,
        *,
        card: dict[str, Any],
        tracker: Tracker,
        resume: bool = True,
    ) -> TrainedModel:
        """Train, and write the ranker to `folder`.

        Nothing is chosen on `dev`: ridge and rounds are chosen by folds of the training
        questions, so the figure on `dev` is an honest one. There is nothing to resume, as it
        takes seconds.

        Raises:
            ExamError: A question has no answer, or there are fewer prompts than folds.
            ScoreError: Given out-of-fold scores cannot be used.
            SettingsError: A member cannot be made, or knows the answers.
        """
        require_answers(train)
        settings = self.settings
        members = make_members(settings, train)
        table, scores = members.ask(train, members.given)
        fitted = fit_ranker(train, table, settings)
        out_of_fold = score_out_of_fold(train, table, settings)
        metrics = {
            "out_of_fold": measure(train, out_of_fold, settings.k),
            "members": measure_members(train, table, scores, out_of_fold, settings),
            "ridge": fitted.ridge,
            "weighs_texts": fitted.texts,
            "n_rounds": fitted.n_rounds,
            **measure_columns(fitted.model),
        }
        dev_scores = None
        if dev is not None:
            dev_scores = _score(fitted.model, dev, members.ask(dev)[0])
            if dev.is_labelled:
                metrics["dev"] = measure(dev, dev_scores, settings.k)
        curve = _curve(fitted)
        for point in curve:
            tracker.log(point.step, point.values)
        done = self._card(card, train, dev, metrics)
        folder.mkdir(parents=True, exist_ok=True)
        # The card comes last, because it marks the folder as a complete model.
        (folder / CARD_FILE).unlink(missing_ok=True)
        write_ranker(folder, fitted.model, members.specs)
        write_scores(
            folder / OUT_OF_FOLD_FILE,
            out_of_fold,
            out_of_fold_metadata("ranker", train),
        )
        notes = (*members.notes, *_notes(done))
        trained = TrainedModel(folder, done, curve, fitted.n_rounds or 0, dev_scores, notes)
        write_result(folder, trained)
        write_card(folder, done)
        return trained

    def check_machine(self) -> None:
        """Check nothing: missing packages are reported when they are imported."""

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, by running the members on a few questions.

        `n_steps` is the trees of one fit, `peak_mb` what the process holds after asking.

        Raises:
            ExamError: A question has no answer.
            SettingsError: A member cannot be made, or knows the answers.
        """
        require_answers(train)
        settings = self.settings
        members = make_members(settings, train)
        few = train.subset(range(min(_SAMPLE, len(train))))
        start = time.perf_counter()
        given = {name: scores.subset(range(len(few))) for name, scores in members.given.items()}
        table, scores = members.ask(few, given)
        asking = (time.perf_counter() - start) / len(few) * len(train)
        n_fits = (1 + settings.n_folds) * (1 + settings.n_inner_folds)
        if settings.member_gains and len(scores) > 1:
            n_fits += len(scores) * settings.n_folds * (1 + settings.n_inner_folds)
        fitting = self._seconds_of_a_fit(train, few, table) * n_fits
        return Estimate(
            n_questions=len(train),
            n_tokens=0,
            n_steps=0 if settings.kind == "logit" else settings.n_rounds or settings.max_rounds,
            n_truncated=sum(int(matrix.truncated.sum()) for matrix in scores.values()),
            share_cut=0.0,
            seconds=asking + fitting,
            peak_mb=psutil.Process().memory_info().rss / 1e6,
            details={
                "columns": str(len(table.names)),
                "fits over all folds": str(n_fits),
                "scoring by the members": f"{asking:.0f} s",
            },
        )

    def _seconds_of_a_fit(self, train: Exam, few: Exam, table: OptionRows) -> float:
        """Return the time of one fit with the number of rows of the training."""
        if self.settings.kind == "logit":
            return 0.02 * len(RIDGES)
        n_copies = -(-len(train) // len(few))
        right = right_rows(few, table)
        choices = Choices.join(table.rows * n_copies, right * n_copies)
        # The first fit includes importing lightgbm.
        fit_trees(choices, 1, self.settings, table.names)
        start = time.perf_counter()
        fit_trees(choices, STEP, self.settings, table.names)
        rounds = self.settings.n_rounds or self.settings.max_rounds
        return (time.perf_counter() - start) * rounds / STEP

    def _card(
        self, known: dict[str, Any], train: Exam, dev: Exam | None, metrics: dict[str, Any]
    ) -> ModelCard:
        data = {"train": train.content_hash} | ({"dev": dev.content_hash} if dev else {})
        packages = ("llmexam", "numpy", "scipy", "lightgbm")
        values = {
            "base_model": "none",
            "base_weights_hash": "",
            "evidence": {"source": "given" if any(q.passages for q in train) else "none"},
            "data": data,
            "versions": {name: version(name) for name in packages},
            **known,
            "family": "ranker",
            "head": "native",
            "training": self.settings.model_dump(mode="json"),
            "metrics": metrics,
        }
        return ModelCard.parse(values, subject="the card")


def _score(model: RankerModel, exam: Exam, table: OptionRows) -> ScoreMatrix:
    utilities = model.utilities(table)
    return ScoreMatrix.from_rows(
        exam.ids, [table.restore(i, values) for i, values in enumerate(utilities)]
    )


def _curve(fitted: Fitted) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(i * STEP, {"dev_loss": loss}) for i, loss in enumerate(fitted.losses))


def _notes(card: ModelCard) -> list[str]:
    notes = []
    for name, found in card.metrics["members"].items():
        gain = found.get("gain")
        if gain and gain["low"] <= 0:
            notes.append(
                f"member '{name}' contributes {gain['value']:+.4f} "
                f"({gain['low']:+.4f} to {gain['high']:+.4f}), which is not "
                "significant"
            )
    return notes
