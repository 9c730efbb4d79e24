"""Likelihood of the right options under a weighted sum of members' points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MAX_STEPS = 100
_TOLERANCE = 1e-9


def gaps_to_right(
    points: Floats, answers: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return each option's points minus those of the right option, scaled per member.

    Args:
        points: Shape `[n_members, n_questions, n_options]`; -inf where an option is absent.
        answers: Indices of the right options, shape `[n_questions]`.

    Returns:
        Gaps, same shape as the points, 0 where absent; whether each option is present, shape
        `[n_questions, n_options]`; the scale of each member, shape `[n_members]`. Scaled gaps
        have unit root mean square, so that one ridge penalty suits all members and methods.
    """
    right = np.take_along_axis(points, answers[None, :, None], axis=2)
    present = np.isfinite(points[0])
    gaps = np.where(present, points - right, 0.0)
    sizes = np.sqrt((gaps**2).sum(axis=(1, 2)) / max(int(present.sum()), 1))
    sizes = np.where(sizes > 0, sizes, 1.0)
    return gaps / sizes[:, None, None], present, sizes


def minimise_loss(gaps: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return the non-negative weights of minimum loss, by projected Newton steps (Bertsekas, 1982).

    Weights at 0 with a positive gradient are fixed; the others take a Newton step, clipped at 0
    and halved until the loss decreases.
    """
    # Worth about one question: see `weights.py`.
    ridge = 1 / gaps.shape[1]
    weights = np.full(len(gaps), 1 / len(gaps))
    loss, slope, curvature = loss_of(weights, gaps, present, ridge)
    for _ in range(_MAX_STEPS):
        free = (weights > 0) | (slope < 0)
        if not free.any() or np.abs(slope[free]).max() < _TOLERANCE:
            break
        direction = np.zeros_like(weights)
        direction[free] = np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
        length = 1.0
        while length > _TOLERANCE:
            trial = np.maximum(weights - length * direction, 0.0)
            step = loss_of(trial, gaps, present, ridge)
            # Armijo's condition with the usual constant of 1e-4.
            if step[0] < loss - 1e-4 * float(slope @ (weights - trial)):
                break
            length /= 2
        else:
            break
        weights, (loss, slope, curvature) = trial, step
    return weights


def loss_of(
    weights: Floats, gaps: Floats, present: NDArray[np.bool_], ridge: float
) -> tuple[float, Floats, Floats]:
    """Return the mean negative log-likelihood plus ridge penalty, its gradient and its Hessian."""
    n = gaps.shape[1]
    total = np.where(present, np.tensordot(weights, gaps, axes=1), -np.inf)
    highest = total.max(axis=1, keepdims=True)
    odds = np.exp(total - highest)
    sums = odds.sum(axis=1, keepdims=True)
    chances = odds / sums
    means = (gaps * chances).sum(axis=2)
    flat = gaps.reshape(len(gaps), -1)
    # The Hessian of a conditional logit: the covariance of the gaps under its probabilities.
    second = (flat * chances.ravel()) @ flat.T / n - means @ means.T / n
    loss = float((np.log(sums) + highest).mean()) + ridge / 2 * float(weights @ weights)
    slope = means.mean(axis=1) + ridge * weights
    return loss, slope, second + ridge * np.eye(len(weights))
