"""Out-of-fold training: every question is scored by a model that was not trained on it."""

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
from llmexam.training.trained_model import finished_model

_SCORES_FILE = "out_of_fold.parquet"
QUESTIONS_KEY = "questions"
"""Where out-of-fold scores say which questions they are of: a hash each, in their order."""

ScoreModel = Callable[[Path, Exam], ScoreMatrix]


@dataclass(frozen=True, slots=True)
class Folds:
    """Result of out-of-fold training.

    Attributes:
        scores: Scores of all questions, each by the model of its fold, in the exam's order.
        models: One model per fold.
        fold_of: The fold of each question.
    """

    scores: ScoreMatrix
    models: tuple[TrainedModel, ...]
    fold_of: tuple[int, ...]


def train_folds(
    make_trainer: Callable[[int], Trainer[Exam]],
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
    """Train one model per fold on the other folds, and score the fold with it.

    Held-out questions do not select the best step: it is selected on `dev`, which must not
    overlap the exam, or is the last step. Questions with equal prompts are in one fold. Finished
    folds are reused, and interrupted ones resume.

    Args:
        make_trainer: Creates the trainer of a fold, by its number from 0.
        exam: The questions, with answers and evidence.
        n_folds: Number of folds, at least 2.
        folder: Gets `fold-0/`, `fold-1/`, ... with a model and its scores each.
        score: Scores questions by the model in a folder, such as `score_with("multiple-choice")`.
        card: Fields of `ModelCard` set by the caller.
        dev: Questions that select the best step.
        seed: Random seed of the folds.
        announce: Called with the number of finished folds, and the total.

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
        # The card records the training data of this fold's model only.
        seen = {**card.get("data", {}), "train": train.content_hash}
        model = finished_model(place) or make_trainer(number).fit(
            train, dev, place, card={**card, "data": seen}, tracker=NoTracker()
        )
        wait_for_all()  # the first process has written the model by now
        # A Trainer and its callbacks form a reference cycle, which would keep five models alive.
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
    """Return the metadata of a file of out-of-fold scores, rows in the order of the exam."""
    return {
        "solver": solver,
        "out_of_fold": "true",
        "exam_hash": exam.content_hash,
        QUESTIONS_KEY: " ".join(exam.question_hashes),
    }


def score_with(solver: str, settings: dict[str, Any] | None = None) -> ScoreModel:
    """Return a function that scores questions by the model in a folder.

    Args:
        solver: Name of the model's solver.
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
