"""Out-of-fold training: every question is scored by a model that has not seen it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llmexam.errors import ScoreError
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.splits import k_folds
from llmexam.solvers.registry import create_solver
from llmexam.storage.hashing import hash_json
from llmexam.tracking.tracker import NoTracker
from llmexam.training.base.processes import is_first_process, wait_for_all
from llmexam.training.protocol import TrainedModel, Trainer
from llmexam.training.trained_model import read_trained_model

_SCORES_FILE = "out_of_fold.parquet"
QUESTIONS_KEY = "questions"
"""Where out-of-fold scores say which questions they are of: a hash each, in their order."""

ScoreModel = Callable[[Path, Exam], ScoreMatrix]


@dataclass(frozen=True, slots=True)
class Folds:
    """What out-of-fold training gave.

    Attributes:
        scores: Scores of all questions, each by the model of its fold, in the exam's order.
        models: One model a fold.
        fold_of: The fold of each question.
    """

    scores: ScoreMatrix
    models: tuple[TrainedModel, ...]
    fold_of: tuple[int, ...]


def train_folds(
    make_trainer: Callable[[int], Trainer],
    exam: Exam,
    n_folds: int,
    folder: Path,
    *,
    score: ScoreModel,
    card: dict[str, Any],
    dev: Exam | None = None,
    seed: int = 0,
    announce: Callable[[int, int], None] = lambda n_done, n_all: None,
) -> Folds:
    """Train one model a fold on all other folds, and let it score its own.

    The questions of a fold choose nothing: the best step is chosen on `dev`, which is no part of
    the exam, or is the last. Questions with equal prompts are in one fold. A fold that is finished
    is not trained again, and one that was stopped goes on.

    Args:
        make_trainer: Makes the trainer of a fold, by its number from 0.
        exam: The questions, with answers and evidence.
        n_folds: How many folds, at least 2.
        folder: Gets `fold-0/`, `fold-1/`, ...: a model each, with its scores.
        score: Scores questions by the model in a folder, such as `score_with("multiple-choice")`.
        card: Fields of `ModelCard` that the caller knows.
        dev: Questions that choose the best step.
        seed: Of the folds.
        announce: Called with how many folds are done, and how many there are.

    Raises:
        ExamError: There are fewer questions than folds.
    """
    places = k_folds(exam, n_folds, seed=seed, group_by="prompt")
    everyone = np.arange(len(exam))
    parts, models = [], []
    for number, held_out in enumerate(places):
        announce(number, n_folds)
        train = exam.subset(np.setdiff1d(everyone, held_out).tolist())
        asked = exam.subset(held_out.tolist())
        place = folder / f"fold-{number}"
        # The card names what this model saw, not what its fellows did.
        seen = {**card.get("data", {}), "train": train.content_hash}
        model = read_trained_model(place) or make_trainer(number).fit(
            train, dev, place, card={**card, "data": seen}, tracker=NoTracker()
        )
        wait_for_all()  # the first process has written the model by then
        # A Trainer and its callbacks hold one another; five models left lying are gigabytes.
        gc.collect()
        models.append(model)
        parts.append(_scores(place, asked, score, model))
    announce(n_folds, n_folds)
    order = np.argsort(np.concatenate(places), kind="stable")
    fold_of = np.empty(len(exam), dtype=np.int64)
    for number, held_out in enumerate(places):
        fold_of[held_out] = number
    scores = ScoreMatrix.concatenate(parts).subset(order)
    return Folds(scores, tuple(models), tuple(int(number) for number in fold_of))


def out_of_fold_metadata(solver: str, exam: Exam) -> dict[str, str]:
    """Return what a file of out-of-fold scores says of itself, rows in the order of the exam."""
    return {
        "solver": solver,
        "out_of_fold": "true",
        "exam_hash": exam.content_hash,
        QUESTIONS_KEY: " ".join(exam.question_hashes),
    }


def score_with(solver: str, settings: dict[str, Any] | None = None) -> ScoreModel:
    """Return what scores questions by the model in a folder, as an exam does.

    Args:
        solver: Name of the solver that the model is for.
        settings: Its settings beside `model`.
    """

    def score(model: Path, exam: Exam) -> ScoreMatrix:
        made = create_solver(solver, {**(settings or {}), "model": str(model)})
        return made.score(list(exam))

    return score


def _scores(place: Path, asked: Exam, score: ScoreModel, model: TrainedModel) -> ScoreMatrix:
    path = place / _SCORES_FILE
    key = hash_json([asked.content_hash, model.card.model_dump(mode="json")])
    try:
        scores, told = read_scores(path)
        if told.get("key") == key:
            return scores
    except ScoreError:
        pass
    scores = score(place, asked)
    if is_first_process():
        write_scores(path, scores, {"key": key})
    return scores
