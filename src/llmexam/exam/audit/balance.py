"""Checks of the answers as a whole: position bias and option-length bias."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.audit.finding import Finding, LengthLeak, LetterShare, Rows
from llmexam.exam.audit.precision import K, average_precision, random_precision
from llmexam.exam.letters import letter_of
from llmexam.exam.scores import ScoreMatrix

N_SIMULATIONS = 10_000
SKEW_LEVEL = 0.01
_Z_CLEAR = 3.0
_MIN_EXCESS = 0.05
# Questions with several right options up to which each is drawn; more take too long.
_MAX_DRAWN = 100


def letter_shares(rows: Rows, *, seed: int = 0) -> tuple[tuple[LetterShare, ...], float | None]:
    """Return the distribution of answers over positions, and its p-value.

    The p-value compares Pearson's statistic, sum of (found - expected)^2 / expected, with its
    distribution in 10,000 simulated exams of the same option counts and uniformly random
    answers, so it is valid for small exams and mixed option counts too. All right options of a
    question count.

    Args:
        rows: The questions; those without answers are left out.
        seed: Random seed of the simulation.

    Returns:
        One entry per position, and the p-value; an empty tuple and None without answers.
    """
    answered = [question for _, question in rows if question.answer is not None]
    if not answered:
        return (), None
    kinds = Counter((len(question.options), len(question.right_options)) for question in answered)
    n_places = max(size for size, _ in kinds)
    right = [place for question in answered for place in question.right_options]
    found = np.bincount(right, minlength=n_places)
    expected = np.zeros(n_places)
    simulated = np.zeros((N_SIMULATIONS, n_places))
    rng = np.random.default_rng(seed)
    for (size, n_right), count in sorted(kinds.items()):
        expected[:size] += count * n_right / size
        simulated[:, :size] += _random_counts(size, n_right, count, rng)
    statistic = ((found - expected) ** 2 / expected).sum()
    by_chance = ((simulated - expected) ** 2 / expected).sum(axis=1)
    # Tolerance for sums that differ only by the order of addition.
    p_value = (1 + int((by_chance >= statistic - 1e-9).sum())) / (1 + N_SIMULATIONS)
    shares = tuple(
        LetterShare(letter_of(i), int(found[i]), found[i] / len(right), expected[i] / len(right))
        for i in range(n_places)
    )
    return shares, p_value


def _random_counts(
    size: int, n_right: int, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return how often each place is right in simulated exams, `[N_SIMULATIONS, size]`.

    Args:
        size: Options of each question.
        n_right: Right options of each question.
        count: Number of questions.
        rng: Source of random numbers.
    """
    if n_right == 1:
        drawn: NDArray[np.float64] = rng.multinomial(
            count, np.full(size, 1 / size), N_SIMULATIONS
        ).astype(np.float64)
        return drawn
    if count <= _MAX_DRAWN:
        counts = np.zeros((N_SIMULATIONS, size))
        for _ in range(count):
            order = rng.random((N_SIMULATIONS, size)).argsort(axis=1)
            counts += order < n_right
        return counts
    # The normal limit: drawing without replacement has this variance, and counts add up.
    noise = rng.standard_normal((N_SIMULATIONS, size))
    noise -= noise.mean(axis=1, keepdims=True)
    variance = count * n_right * (size - n_right) / (size * max(size - 1, 1))
    limit: NDArray[np.float64] = count * n_right / size + np.sqrt(variance) * noise
    return limit


@dataclass(frozen=True)
class Balance:
    """Position bias and option-length bias of an exam's answers.

    Attributes:
        letters: Distribution of answers over positions; empty without answers.
        skew_p_value: P-value of a distribution this uneven; None without answers.
        leak: Scores of choosing the longest option; None without answers.
        leak_is_clear: Whether either score is above chance by 0.05 and by three standard errors
            under chance.
    """

    letters: tuple[LetterShare, ...]
    skew_p_value: float | None
    leak: LengthLeak | None
    leak_is_clear: bool


def measure_balance(rows: Rows, *, seed: int = 0) -> Balance:
    """Return the position bias and the option-length bias of the answers.

    Options of equal length are ordered by the tie rule of `ScoreMatrix.ranking`.

    Args:
        rows: The questions; those without answers are left out.
        seed: Of the simulation.
    """
    letters, p_value = letter_shares(rows, seed=seed)
    gains = _gains(rows)
    if gains is None:
        return Balance(letters, p_value, None, False)
    points, chance, hits, chance_hits = gains
    squares = _squares(rows)
    return Balance(
        letters,
        p_value,
        LengthLeak(*(float(values.mean()) for values in gains)),
        _clearly_above(points, chance, squares) or _clearly_above(hits, chance_hits, chance_hits),
    )


def check_balance(balance: Balance) -> Iterator[Finding]:
    """Yield findings of significant position bias or option-length bias."""
    if balance.skew_p_value is not None and balance.skew_p_value < SKEW_LEVEL:
        yield Finding(
            "skewed answers",
            "warning",
            "right answers are not uniform over letters: "
            f"{_shares_text(balance.letters)}; p = {balance.skew_p_value:.2g}. "
            "Shuffle the options, because a solver that prefers a letter would look "
            "better than it is",
        )
    leak = balance.leak
    if leak is not None and balance.leak_is_clear:
        yield Finding(
            "option-length bias",
            "warning",
            f"choosing the longest option gives MAP@3 {leak.map_at_3:.3f} (chance "
            f"{leak.chance_map_at_3:.3f}) and accuracy {leak.accuracy:.3f} (chance "
            f"{leak.chance_accuracy:.3f}): use it as the baseline instead of chance",
        )


def _shares_text(letters: tuple[LetterShare, ...]) -> str:
    expected = {f"{one.expected:.1%}" for one in letters}
    if len(expected) == 1:
        shares = ", ".join(f"{one.letter} {one.share:.1%}" for one in letters)
        return f"{shares} (expected: {expected.pop()})"
    return ", ".join(
        f"{one.letter} {one.share:.1%} (expected: {one.expected:.1%})" for one in letters
    )


_Gains = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _gains(rows: Rows) -> _Gains | None:
    """Return AP@3 and accuracy of the longest option and their chance levels, `[n_answers]`."""
    answered = [question for _, question in rows if question.answer is not None]
    if not answered:
        return None
    scores = ScoreMatrix.from_rows(
        [question.id for question in answered],
        [[len(option) for option in question.options] for question in answered],
    )
    points, hits = np.zeros(len(answered)), np.zeros(len(answered))
    for row, (question, order) in enumerate(zip(answered, scores.ranking, strict=True)):
        is_right = np.isin(order[:K], question.right_options)
        points[row] = average_precision(is_right, len(question.right_options))
        hits[row] = is_right[0]
    sizes = [(len(question.options), len(question.right_options)) for question in answered]
    chance = np.array([random_precision(*size)[0] for size in sizes])
    return points, chance, hits, np.array([n_right / n for n, n_right in sizes])


def _squares(rows: Rows) -> NDArray[np.float64]:
    return np.array(
        [
            random_precision(len(question.options), len(question.right_options))[1]
            for _, question in rows
            if question.answer is not None
        ]
    )


def _clearly_above(
    found: NDArray[np.float64], chance: NDArray[np.float64], squares: NDArray[np.float64]
) -> bool:
    """Return whether a mean is above chance by a relevant amount and three standard errors.

    Args:
        found: Points per question, shape `[n_answers]`.
        chance: Their expectation under random answers.
        squares: The expectation of their squares under random answers.
    """
    error = np.sqrt((squares - chance**2).sum()) / len(found)
    return bool((found - chance).mean() > max(_Z_CLEAR * error, _MIN_EXCESS))
