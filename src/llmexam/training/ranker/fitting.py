"""Fit a ranker, tune it by cross-validation, and score questions out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.evaluation.metrics.registry import choice_metrics
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.splits import k_folds
from llmexam.solvers.ranker.encoding import OptionRows
from llmexam.solvers.ranker.model import RankerModel
from llmexam.training.ranker.boosting import STEP, fit_trees, losses_by_round
from llmexam.training.ranker.conditional_logit import (
    Choices,
    choice_loss,
    choice_values,
    fit_logit,
    minimise,
    scaled_choices,
    telling_columns,
)
from llmexam.training.ranker.settings import RankerTrainingSettings

Floats = NDArray[np.float64]

RIDGES = (300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
"""Ridges to choose from, strongest first."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted ranker and its selected hyperparameters.

    Attributes:
        model: The ranker.
        ridge: Ridge of the logit, or None.
        texts: Whether the logit weighs what the texts look like, or None.
        n_rounds: Rounds of the trees, or None.
        losses: Held-out loss of the trees after 0, 10, 20, ... rounds; empty where not asked.
    """

    model: RankerModel
    ridge: float | None = None
    texts: bool | None = None
    n_rounds: int | None = None
    losses: tuple[float, ...] = ()


def right_rows(exam: Exam, table: OptionRows) -> list[int]:
    """Return the row of the right option of each question."""
    return [
        int(np.flatnonzero(order == answer)[0])
        for order, answer in zip(table.orders, exam.answers, strict=True)
    ]


def fit_ranker(exam: Exam, table: OptionRows, settings: RankerTrainingSettings) -> Fitted:
    """Fit a ranker; open hyperparameters are tuned by cross-validation grouped by prompt.

    Questions with several right options are left out of the fit.

    Args:
        exam: The questions, with answers.
        table: Their rows.
        settings: How to train.

    Raises:
        ExamError: There are fewer prompts than folds, or every question has several right options.
    """
    if exam.has_several_right:
        single = [i for i, question in enumerate(exam) if not question.right]
        if not single:
            raise ExamError(
                "every training question has several right options, which a ranker cannot be "
                "fitted to",
                file=exam.source or None,
                hint="Train on questions with one right option",
            )
        exam, table = exam.subset(single), table.subset(single)
    right = right_rows(exam, table)
    ridge, texts, n_rounds, losses = None, None, settings.n_rounds, np.zeros(0)
    logit, trees = None, None
    if settings.kind != "trees":
        ridge, texts = _choose_logit(exam, table, right, settings)
        logit = fit_logit(table, right, ridge, texts=texts)
    if settings.kind != "logit":
        if n_rounds is None:
            losses = _tree_losses(exam, table, right, settings)
            n_rounds = int(losses.argmin()) * STEP
        # No trees, if none improves the held-out loss.
        if n_rounds:
            trees = fit_trees(Choices.join(table.rows, right), n_rounds, settings, table.names)
    return Fitted(
        RankerModel(table.names, logit, trees),
        ridge,
        texts,
        None if settings.kind == "logit" else n_rounds,
        tuple(losses.tolist()),
    )


def score_out_of_fold(
    exam: Exam, table: OptionRows, settings: RankerTrainingSettings
) -> ScoreMatrix:
    """Return out-of-fold scores, with folds grouped by prompt.

    Raises:
        ExamError: There are fewer prompts than folds.
    """
    found: list[Floats] = [np.zeros(0)] * len(exam)
    for held, others in _folds(exam, settings.n_folds, settings.seed):
        fitted = fit_ranker(exam.subset(others), table.subset(others), settings)
        part = table.subset(held)
        for i, values in enumerate(fitted.model.utilities(part)):
            found[held[i]] = part.restore(i, values)
    return ScoreMatrix.from_rows(exam.ids, found)


def _folds(exam: Exam, n_folds: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """Return for each fold the questions held out and the others."""
    everything = np.arange(len(exam))
    return [
        (fold.tolist(), np.setdiff1d(everything, fold).tolist())
        for fold in k_folds(exam, n_folds, seed=seed, group_by="prompt")
    ]


def _inner_folds(exam: Exam, settings: RankerTrainingSettings) -> list[tuple[list[int], list[int]]]:
    # Another seed than that of the outer folds, because equal seeds would give similar folds.
    return _folds(exam, settings.n_inner_folds, settings.seed + 1)


def _choose_logit(
    exam: Exam, table: OptionRows, right: Sequence[int], settings: RankerTrainingSettings
) -> tuple[float, bool]:
    """Return the ridge and the use of text features that are best on held-out questions.

    The ridge is chosen by likelihood, which feels small changes. Texts are only weighed where that
    gains more than a standard error of the primary metric: on 768 questions they made the right
    options likelier but MAP@3 worse.
    """
    kinds = (False, True) if settings.weigh_texts is None else (settings.weigh_texts,)
    if len(kinds) == 1 and settings.ridge is not None:
        return settings.ridge, kinds[0]
    tried = [_choose_ridge(exam, table, right, settings, texts) for texts in kinds]
    if len(kinds) == 1:
        return tried[0][0], kinds[0]
    gains = tried[1][1] - tried[0][1]
    if not choice_metrics(settings.k)[0].higher_is_better:
        gains = -gains
    texts = bool(gains.mean() > gains.std() / np.sqrt(len(gains)))
    return tried[texts][0], texts


def _choose_ridge(
    exam: Exam,
    table: OptionRows,
    right: Sequence[int],
    settings: RankerTrainingSettings,
    texts: bool,
) -> tuple[float, Floats]:
    """Return the best ridge, and each question's value of the metric when it is held out."""
    ridges = RIDGES if settings.ridge is None else (settings.ridge,)
    metric = choice_metrics(settings.k)[0]
    names, scales = telling_columns(table, texts=texts)
    losses, earned = np.zeros(len(ridges)), np.zeros((len(ridges), len(exam)))
    for held, others in _inner_folds(exam, settings):
        train, test = (
            scaled_choices(table.subset(part), [right[i] for i in part], names, scales)
            for part in (others, held)
        )
        weights = np.zeros(len(names))
        for i, ridge in enumerate(ridges):
            weights = minimise(train, ridge, weights) if names else weights
            utilities = test.rows @ weights
            losses[i] += choice_loss(utilities, test)[0] * len(held) / len(exam)
            earned[i, held] = choice_values(utilities, test, metric)
    best = int(losses.argmin())
    return ridges[best], earned[best]


def _tree_losses(
    exam: Exam, table: OptionRows, right: Sequence[int], settings: RankerTrainingSettings
) -> Floats:
    """Return the held-out loss after 0, STEP, ... rounds, the mean over all questions."""
    total = np.zeros(settings.max_rounds // STEP + 1)
    for held, others in _inner_folds(exam, settings):
        train, test = (
            Choices.join(table.subset(part).rows, [right[i] for i in part])
            for part in (others, held)
        )
        total += losses_by_round(train, test, settings, table.names) * len(held)
    return total / len(exam)
