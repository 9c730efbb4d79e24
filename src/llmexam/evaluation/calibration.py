"""Probabilities from scores by temperature scaling, and their calibration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.results import Calibration, CalibrationBin, CoveragePoint
from llmexam.exam.scores import ScoreMatrix

Floats = NDArray[np.float64]

N_BINS = 15
N_FOLDS = 5
N_COVERAGE_POINTS = 20

# Limits of the fitted sharpness (1 / temperature), relative to the typical gap between options.
# Without them it would diverge for a solver that never errs, and be 0 for one at chance.
_SHARPNESS = (1e-3, 1e2)


def softmax(scores: ScoreMatrix, temperature: float | Floats = 1.0) -> Floats:
    """Return a probability for each option, shape `[n_questions, n_options]`.

    Args:
        scores: Scores; absent options get probability 0.
        temperature: Above 0: one for all questions, or one each, shape `[n_questions]`. Higher
            temperatures give more uniform probabilities.

    >>> softmax(ScoreMatrix.from_rows(["a"], [[1.0, 1.0]])).tolist()
    [[0.5, 0.5]]
    """
    if scores.values.size == 0:
        return np.zeros(scores.values.shape)
    divisor = np.broadcast_to(np.asarray(temperature, dtype=np.float64), (len(scores),))[:, None]
    values = np.where(scores.present, scores.values.astype(np.float64), -np.inf)
    # The maximum is subtracted before the division, so that a tiny temperature cannot overflow.
    shifted = (values - values.max(axis=1, keepdims=True)) / divisor
    odds = np.exp(shifted)
    probabilities: Floats = odds / odds.sum(axis=1, keepdims=True)
    return probabilities


def fit_temperature(scores: ScoreMatrix, answers: NDArray[np.int64]) -> float:
    """Return the temperature of maximum likelihood (temperature scaling, Guo et al., 2017).

    The log-likelihood is concave in 1 / temperature, so Newton's method with a bracket finds
    the maximum. If all options have equal scores, every temperature is equivalent, and 1 is
    returned.

    Args:
        scores: Scores of at least one question.
        answers: Indices of the right options, shape `[n_questions]`.
    """
    values = scores.values.astype(np.float64)
    gaps = values - np.take_along_axis(values, answers[:, None], axis=1)
    present = scores.present
    scale = float(np.sqrt((gaps[present] ** 2).mean())) if present.any() else 0.0
    if scale == 0 or not np.isfinite(scale):
        return 1.0
    gaps = np.where(present, gaps / scale, -np.inf)
    low, high = _SHARPNESS
    if _slope(gaps, low)[0] >= 0:
        return scale / low
    if _slope(gaps, high)[0] <= 0:
        return scale / high
    sharpness = 1.0
    for _ in range(60):
        slope, curvature = _slope(gaps, sharpness)
        low, high = (sharpness, high) if slope < 0 else (low, sharpness)
        guess = sharpness - slope / curvature if curvature > 0 else low
        # If Newton leaves the bracket, bisect it on a logarithmic scale.
        step = guess if low < guess < high else float(np.sqrt(low * high))
        if abs(step - sharpness) <= 1e-9 * sharpness:
            break
        sharpness = step
    return scale / sharpness


def _slope(gaps: Floats, sharpness: float) -> tuple[float, float]:
    """Return slope and curvature of the mean negative log-likelihood at a sharpness.

    `gaps` are scores minus that of the right option, -inf where absent.
    """
    with np.errstate(invalid="ignore"):
        odds = np.exp((gaps - gaps.max(axis=1, keepdims=True)) * sharpness)
    weights = odds / odds.sum(axis=1, keepdims=True)
    finite = np.where(np.isfinite(gaps), gaps, 0.0)
    means = (weights * finite).sum(axis=1)
    spread = (weights * finite**2).sum(axis=1) - means**2
    return float(means.mean()), float(spread.mean())


def out_of_fold_probabilities(
    scores: ScoreMatrix, answers: NDArray[np.int64], *, seed: int = 0
) -> Floats:
    """Return probabilities of each question by a temperature fitted on the other folds.

    Args:
        scores: Scores, shape `[n_questions, n_options]`.
        answers: Indices of the right options, shape `[n_questions]`.
        seed: Random seed of the split.
    """
    n = len(scores)
    temperatures = np.ones(n)
    if n > 1:
        order = np.random.default_rng(seed).permutation(n)
        for fold in np.array_split(order, min(N_FOLDS, n)):
            others = np.setdiff1d(order, fold)
            temperatures[fold] = fit_temperature(scores.subset(others), answers[others])
    return softmax(scores, temperatures)


def calibrate(
    scores: ScoreMatrix,
    answers: NDArray[np.int64],
    probabilities: Floats,
    *,
    n_bins: int = N_BINS,
) -> Calibration:
    """Return the expected calibration error, Brier score and reliability diagram.

    The expected calibration error is the mean gap between confidence and accuracy over bins of
    equal width, weighted by the number of questions (Naeini et al., 2015). With few questions
    it is above 0 even for perfect probabilities. The Brier score is the sum over options of
    (probability - 1 or 0) squared, averaged over questions (Brier, 1950).

    Args:
        scores: The scores; their ranking gives the first choice.
        answers: Indices of the right options, shape `[n_questions]`.
        probabilities: Out-of-fold probabilities, same shape as the scores.
        n_bins: Number of bins between 0 and 1; empty ones are left out of the result.
    """
    first = scores.ranking[:, 0]
    confidence = np.take_along_axis(probabilities, first[:, None], axis=1)[:, 0]
    right = first == answers
    truth = np.arange(probabilities.shape[1]) == answers[:, None]
    # Bins are (low, high]: a confidence of exactly 1 belongs to the last.
    places = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    bins = tuple(
        CalibrationBin(
            low=place / n_bins,
            high=(place + 1) / n_bins,
            n=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(right[inside].mean()),
        )
        for place, inside in ((p, places == p) for p in np.unique(places).tolist())
    )
    gap = sum(bar.n * abs(bar.confidence - bar.accuracy) for bar in bins)
    return Calibration(
        temperature=fit_temperature(scores, answers),
        ece=gap / len(scores),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        bins=bins,
    )


def risk_coverage(
    scores: ScoreMatrix,
    answers: NDArray[np.int64],
    probabilities: Floats,
    *,
    n_points: int = N_COVERAGE_POINTS,
) -> tuple[CoveragePoint, ...]:
    """Return the risk-coverage curve: the error on the most confident share of the questions.

    Questions of equal confidence all get their mean error, so their order has no effect.

    Args:
        scores: The scores; their ranking gives the first choice.
        answers: Indices of the right options, shape `[n_questions]`.
        probabilities: Probabilities, same shape as the scores; that of the first choice is its
            confidence.
        n_points: Number of points, evenly spaced in coverage; at most the number of questions.
    """
    first = scores.ranking[:, 0]
    confidence = np.take_along_axis(probabilities, first[:, None], axis=1)[:, 0]
    wrong = (first != answers).astype(np.float64)
    _, group = np.unique(-confidence.round(12), return_inverse=True)
    mean_wrong = np.bincount(group, weights=wrong) / np.bincount(group)
    risks = np.cumsum(mean_wrong[np.sort(group)]) / np.arange(1, len(group) + 1)
    n = len(scores)
    answered = np.unique(np.ceil(np.linspace(0, 1, n_points + 1)[1:] * n).astype(np.int64))
    return tuple(
        CoveragePoint(coverage=count / n, risk=float(risks[count - 1]))
        for count in answered.tolist()
    )
