"""Checks of the answers as a whole: position bias and option-length bias."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.audit.finding import Finding, LengthLeak, LetterShare, Rows
from llmexam.exam.letters import letter_of
from llmexam.exam.scores import ScoreMatrix

N_SIMULATIONS = 10_000
SKEW_LEVEL = 0.01
_Z_CLEAR = 3.0
_MIN_EXCESS = 0.05


def letter_shares(rows: Rows, *, seed: int = 0) -> tuple[tuple[LetterShare, ...], float | None]:
    """Return the distribution of answers over positions, and its p-value.

    The p-value compares Pearson's statistic, sum of (found - expected)^2 / expected, with its
    distribution in 10,000 simulated exams of the same option counts and uniformly random
    answers, so it is valid for small exams and mixed option counts too.

    Args:
        rows: The questions; those without answers are left out.
        seed: Random seed of the simulation.

    Returns:
        One entry per position, and the p-value; an empty tuple and None without answers.
    """
    answered = [question for _, question in rows if question.answer is not None]
    if not answered:
        return (), None
    sizes = np.array([len(question.options) for question in answered])
    n_places = int(sizes.max())
    found = np.bincount([question.answer or 0 for question in answered], minlength=n_places)
    expected = np.zeros(n_places)
    simulated = np.zeros((N_SIMULATIONS, n_places))
    rng = np.random.default_rng(seed)
    for size, count in zip(*np.unique(sizes, return_counts=True), strict=True):
        expected[:size] += count / size
        simulated[:, :size] += rng.multinomial(count, np.full(size, 1 / size), N_SIMULATIONS)
    statistic = ((found - expected) ** 2 / expected).sum()
    by_chance = ((simulated - expected) ** 2 / expected).sum(axis=1)
    # Tolerance for sums that differ only by the order of addition.
    p_value = (1 + int((by_chance >= statistic - 1e-9).sum())) / (1 + N_SIMULATIONS)
    shares = tuple(
        LetterShare(
            letter_of(i), int(found[i]), found[i] / len(answered), expected[i] / len(answered)
        )
        for i in range(n_places)
    )
    return shares, p_value


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
    # Each rank has probability 1/n: squares of 1, 1/2 and 1/3 for AP@3, and of 1 for accuracy.
    n_ranked = np.minimum(np.rint(1 / chance_hits).astype(np.int64), 3)
    squares = np.array([0, 1, 1.25, 49 / 36])[n_ranked] * chance_hits
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
    answers = np.array([question.answer for question in answered])
    rank = (scores.ranking == answers[:, None]).argmax(axis=1) + 1
    points = np.where(rank <= 3, 1 / rank, 0.0)
    sizes = scores.n_options
    # A random ranking puts the answer at each rank with probability 1/n.
    chance = np.array([0, 1, 1.5, 11 / 6])[np.minimum(sizes, 3)] / sizes
    return points, chance, (rank == 1).astype(np.float64), 1 / sizes


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
