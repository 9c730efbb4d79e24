"""Greedy forward selection of ensemble members with replacement (Caruana et al., 2004).

Each step adds the member that makes the sum of the selected ones best. The weight of a member is
how often it was selected. Few members get a weight, so many candidates can be tried.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmexam.ensemble.likelihood import gaps_to_right, loss_of, minimise_loss
from llmexam.evaluation.metrics.ranked import RankMetric

Floats = NDArray[np.float64]

_MOST_TAKEN = 40
# Number of selections without improvement after which the search ends.
_PATIENCE = 5
_LEAST_GAIN = 1e-6


def select(
    points: Floats, answers: NDArray[np.int64], *, metric: RankMetric | None = None
) -> Floats:
    """Return the weight of each member, 0 or more, adding up to 1; shape `[n_members]`.

    Args:
        points: Points of the members, shape `[n_members, n_questions, n_options]`; -inf where an
            option is absent.
        answers: Indices of the right options, shape `[n_questions]`.
        metric: Metric to maximise; ties are broken by the log-likelihood of the right options
            at the best temperature for each sum. None maximises that log-likelihood.
    """
    gaps, present, sizes = gaps_to_right(points, answers)
    counts = np.zeros(len(gaps))
    total = np.zeros(gaps.shape[1:])
    best, best_counts = (np.inf, np.inf), counts.copy()
    n_idle = 0
    for n_taken in range(1, _MOST_TAKEN + 1):
        costs = [_cost((total + own) / n_taken, present, metric) for own in gaps]
        chosen = min(range(len(costs)), key=costs.__getitem__)
        total += gaps[chosen]
        counts[chosen] += 1
        if _is_less(costs[chosen], best):
            best, best_counts, n_idle = costs[chosen], counts.copy(), 0
        else:
            n_idle += 1
        if n_idle == _PATIENCE:
            break
    weights: Floats = best_counts / sizes
    return weights / float(weights.sum())


def _is_less(cost: tuple[float, float], best: tuple[float, float]) -> bool:
    # Differences within the tolerance are rounding; the second cost decides then.
    if abs(cost[0] - best[0]) > _LEAST_GAIN:
        return cost[0] < best[0]
    return cost[1] < best[1] - _LEAST_GAIN


def _cost(
    gaps: Floats, present: NDArray[np.bool_], metric: RankMetric | None
) -> tuple[float, float]:
    """Return the cost to minimise, and a second cost for ties."""
    # The weight of this single sum is its best inverse temperature.
    scale = minimise_loss(gaps[None], present)
    loss = loss_of(scale, gaps[None], present, 1 / len(gaps))[0]
    if metric is None:
        return loss, loss
    above = ((gaps > 0) & present).sum(axis=1)
    level = ((gaps == 0) & present).sum(axis=1)
    # `level` includes the right option itself; tied options share their mean rank.
    value = float(metric.at_rank(above + (level + 1) / 2).mean())
    return -value if metric.higher_is_better else value, loss
