"""Weights fitted to the answers, and scores that no weight was fitted on.

The points of the members are added with weights w >= 0, and softmax of the sum is taken as the
probability of each option. The weights maximise the log-likelihood of the right options: a
conditional logit (McFadden, 1974), concave in w. A small ridge, worth about one question,
shares weight evenly between members that say the same and keeps weights finite where the
members never err.
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
    """Weights and what they are worth.

    Attributes:
        weights: Fitted on all questions, adding up to 1: for other exams.
        fold_weights: Those of each fold, fitted on the other folds.
        scores: Out-of-fold scores: each question combined with weights that never saw its
            fold. Figures may be reported from these, never from `weights` on the same exam.
    """

    weights: dict[str, float]
    fold_weights: tuple[dict[str, float], ...]
    scores: ScoreMatrix


def fit_out_of_fold(
    matrices: Mapping[str, ScoreMatrix], exam: Exam, settings: EnsembleSettings | None = None
) -> FittedWeights:
    """Fit weights on an exam, and score it with weights fitted without each question's fold.

    Args:
        matrices: Score matrices by the name of the member.
        exam: Their questions, with answers.
        settings: Method, folds and seed; `weights` tells greedy ones, else they are fitted.

    Raises:
        ExamError: The exam lacks answers or has fewer questions than folds.
        ScoreError: Members and exam disagree about questions or options.
    """
    chosen = settings or EnsembleSettings()
    require_answers(exam)
    members = {name: align_scores(exam, matrix) for name, matrix in align_members(matrices).items()}
    answers = exam.answers
    points = _points(members, chosen)
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
    order = np.argsort(np.concatenate(folds), kind="stable")
    return FittedWeights(
        weights=_name(names, find(points, answers)),
        fold_weights=tuple(fold_weights),
        scores=ScoreMatrix.concatenate(parts).subset(order),
    )


def _finder(settings: EnsembleSettings) -> Callable[[Floats, NDArray[np.int64]], Floats]:
    if settings.weights == "greedy":
        name = settings.greedy_metric
        metric = None if name == LOG_LIKELIHOOD else choice_metric(name)
        return lambda points, answers: select(points, answers, metric=metric)
    return _fit


def _points(members: Mapping[str, ScoreMatrix], settings: EnsembleSettings) -> Floats:
    """Return what can be weighted, shape `[n_members, n_questions, n_options]`; -inf if absent.

    In a mean of probabilities it is the probabilities that are added.
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
    # No member is better than silence: then none deserves more say than another.
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
