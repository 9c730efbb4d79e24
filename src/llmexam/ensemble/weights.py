"""Weights fitted to the answers, and scores that no weight was fitted on.

The points of the members are added with weights w >= 0, and softmax of the sum is taken as the
probability of each option. The weights maximise the log-likelihood of the right options: a
conditional logit (McFadden, 1974), concave in w. A small ridge, worth about one question,
shares weight evenly between members that say the same and keeps weights finite where the
members never err.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.ensemble.combine import align_members, combine, score_points
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.evaluation.alignment import align_scores, require_answers
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.splits import k_folds

Floats = NDArray[np.float64]

_MAX_STEPS = 100
_TOLERANCE = 1e-9


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
        settings: Method, folds and seed; `weights` in it is not read.

    Raises:
        ExamError: The exam lacks answers or has fewer questions than folds.
        ScoreError: Members and exam disagree about questions or options.
    """
    chosen = settings or EnsembleSettings()
    require_answers(exam)
    members = {name: align_scores(exam, matrix) for name, matrix in align_members(matrices).items()}
    answers = exam.answers
    points = _points(members, chosen)
    folds = k_folds(exam, chosen.n_folds, seed=chosen.seed)
    names = sorted(members)
    fold_weights = []
    parts = []
    for fold in folds:
        others = np.setdiff1d(np.arange(len(exam)), fold)
        found = _name(names, _fit(points[:, others], answers[others]))
        fold_weights.append(found)
        parts.append(_combine({n: m.subset(fold) for n, m in members.items()}, found, chosen))
    order = np.argsort(np.concatenate(folds), kind="stable")
    return FittedWeights(
        weights=_name(names, _fit(points, answers)),
        fold_weights=tuple(fold_weights),
        scores=ScoreMatrix.concatenate(parts).subset(order),
    )


def fit_weights(
    matrices: Mapping[str, ScoreMatrix], exam: Exam, settings: EnsembleSettings | None = None
) -> dict[str, float]:
    """Return the weights that suit an exam best; they add up to 1.

    They are for other exams: on this one they know the answers. Arguments and errors are those
    of `fit_out_of_fold`, except that any number of questions will do.
    """
    require_answers(exam)
    members = {name: align_scores(exam, matrix) for name, matrix in align_members(matrices).items()}
    points = _points(members, settings or EnsembleSettings())
    return _name(sorted(members), _fit(points, exam.answers))


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
    right = np.take_along_axis(points, answers[None, :, None], axis=2)
    present = np.isfinite(points[0])
    gaps = np.where(present, points - right, 0.0)
    # Points of one size, so that the ridge treats all members and methods alike.
    sizes = np.sqrt((gaps**2).sum(axis=(1, 2)) / max(int(present.sum()), 1))
    sizes = np.where(sizes > 0, sizes, 1.0)
    weights = _minimise(gaps / sizes[:, None, None], present) / sizes
    total = float(weights.sum())
    # No member is better than silence: then none deserves more say than another.
    return weights / total if total > 0 else np.full(len(points), 1 / len(points))


def _minimise(gaps: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return the best weights by projected Newton steps (Bertsekas, 1982).

    Weights at 0 that the slope would push below are held; the others take a Newton step, cut
    off at 0 and halved until the loss falls.
    """
    ridge = 1 / gaps.shape[1]
    weights = np.full(len(gaps), 1 / len(gaps))
    loss, slope, curvature = _loss(weights, gaps, present, ridge)
    for _ in range(_MAX_STEPS):
        free = (weights > 0) | (slope < 0)
        if not free.any() or np.abs(slope[free]).max() < _TOLERANCE:
            break
        direction = np.zeros_like(weights)
        direction[free] = np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
        length = 1.0
        while length > _TOLERANCE:
            trial = np.maximum(weights - length * direction, 0.0)
            step = _loss(trial, gaps, present, ridge)
            if step[0] < loss - 1e-4 * float(slope @ (weights - trial)):
                break
            length /= 2
        else:
            break
        weights, (loss, slope, curvature) = trial, step
    return weights


def _loss(
    weights: Floats, gaps: Floats, present: NDArray[np.bool_], ridge: float
) -> tuple[float, Floats, Floats]:
    """Return the mean negative log-likelihood plus the ridge, its slope and its curvature."""
    n = gaps.shape[1]
    total = np.where(present, np.tensordot(weights, gaps, axes=1), -np.inf)
    highest = total.max(axis=1, keepdims=True)
    odds = np.exp(total - highest)
    sums = odds.sum(axis=1, keepdims=True)
    chances = odds / sums
    means = (gaps * chances).sum(axis=2)
    flat = gaps.reshape(len(gaps), -1)
    second = (flat * chances.ravel()) @ flat.T / n - means @ means.T / n
    loss = float((np.log(sums) + highest).mean()) + ridge / 2 * float(weights @ weights)
    slope = means.mean(axis=1) + ridge * weights
    return loss, slope, second + ridge * np.eye(len(weights))


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
