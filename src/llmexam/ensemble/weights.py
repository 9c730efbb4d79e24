"""Fitted ensemble weights, and out-of-fold scores of the ensemble.

The probability of an option is the softmax of the members' points, added with weights w >= 0.
The weights maximise the log-likelihood of the right options: a conditional logit (McFadden,
1974), concave in w. A small ridge penalty, worth about one question, splits the weight evenly
between identical members and keeps it finite if the members never err.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.ensemble.combine import align_members, combine, score_points
from llmexam.ensemble.greedy import select
from llmexam.ensemble.likelihood import gaps_to_right, minimise_loss
from llmexam.ensemble.settings import LOG_LIKELIHOOD, EnsembleSettings
from llmexam.evaluation.alignment import align_scores, require_answers
from llmexam.evaluation.metrics.registry import choice_metric
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.splits import k_folds

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedWeights:
    """Fitted weights and the out-of-fold scores of the ensemble.

    Attributes:
        weights: Fitted on all questions, adding up to 1; for use on other exams.
        fold_weights: Those of each fold, fitted on the other folds.
        scores: Each question combined with the weights of its fold. Report results from these,
            never from `weights` applied to the same exam.
    """

    weights: dict[str, float]
    fold_weights: tuple[dict[str, float], ...]
    scores: ScoreMatrix


def fit_out_of_fold(
    matrices: Mapping[str, ScoreMatrix], exam: Exam, settings: EnsembleSettings | None = None
) -> FittedWeights:
    """Fit weights on an exam, and score each fold with weights fitted on the other folds.

    Args:
        matrices: Score matrices by the name of the member.
        exam: Their questions, with answers.
        settings: Method, folds and seed; `weights: greedy` selects greedily.

    Raises:
        ExamError: The exam lacks answers or has fewer questions than folds.
        ScoreError: Members and exam differ in questions or options.
    """
    chosen = settings or EnsembleSettings()
    require_answers(exam)
    members = {name: align_scores(exam, matrix) for name, matrix in align_members(matrices).items()}
    answers = exam.answers
    # Other right options are no wrong ones: weights are fitted to the first of them.
    points = np.where(_is_other_right(exam, members), -np.inf, _points(members, chosen))
    find = _finder(chosen)
    folds = k_folds(exam, chosen.n_folds, seed=chosen.seed)
    names = sorted(members)
    fold_weights = []
    parts = []
    for fold in folds:
        others = np.setdiff1d(np.arange(len(exam)), fold)
        found = _name(names, find(points[:, others], answers[others]))
        fold_weights.append(found)
        parts.append(_combine({n: m.subset(fold) for n, m in members.items()}, found, chosen))
    # Back to the order of the exam.
    order = np.argsort(np.concatenate(folds), kind="stable")
    return FittedWeights(
        weights=_name(names, find(points, answers)),
        fold_weights=tuple(fold_weights),
        scores=ScoreMatrix.concatenate(parts).subset(order),
    )


def _is_other_right(exam: Exam, members: Mapping[str, ScoreMatrix]) -> NDArray[np.bool_]:
    """Return whether each option is right besides the first right one."""
    found: NDArray[np.bool_] = np.zeros(next(iter(members.values())).values.shape, dtype=bool)
    for row, question in enumerate(exam):
        found[row, list(question.right[1:])] = True
    return found


def _finder(settings: EnsembleSettings) -> Callable[[Floats, NDArray[np.int64]], Floats]:
    if settings.weights == "greedy":
        name = settings.greedy_metric
        metric = None if name == LOG_LIKELIHOOD else choice_metric(name)
        return lambda points, answers: select(points, answers, metric=metric)
    return _fit


def _points(members: Mapping[str, ScoreMatrix], settings: EnsembleSettings) -> Floats:
    """Return the members' points, shape `[n_members, n_questions, n_options]`; -inf if absent.

    For `mean-softmax` the points are probabilities, because these are what is averaged.
    """
    points = []
    for name in sorted(members):
        own = score_points(
            members[name],
            settings.method,
            temperature=settings.temperature,
            rank_constant=settings.rank_constant,
        )
        own = np.exp(own) if settings.method == "mean-softmax" else own
        points.append(np.where(members[name].present, own, -np.inf))
    return np.stack(points)


def _fit(points: Floats, answers: NDArray[np.int64]) -> Floats:
    """Return non-negative weights that add up to 1, shape `[n_members]`."""
    gaps, present, sizes = gaps_to_right(points, answers)
    weights = minimise_loss(gaps, present) / sizes
    total = float(weights.sum())
    # No member is better than chance: fall back to equal weights.
    return weights / total if total > 0 else np.full(len(points), 1 / len(points))


def _combine(
    members: Mapping[str, ScoreMatrix], weights: Mapping[str, float], settings: EnsembleSettings
) -> ScoreMatrix:
    return combine(
        members,
        settings.method,
        weights,
        temperature=settings.temperature,
        rank_constant=settings.rank_constant,
    )


def _name(names: list[str], weights: Floats) -> dict[str, float]:
    return {name: float(weight) for name, weight in zip(names, weights, strict=True)}
