"""Confidence of scores, and selection of the least confident questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question
from llmexam.storage.hashing import hash_json

Floats = NDArray[np.float64]
Certainty = Literal["margin", "entropy"]


def log_probabilities(scores: NDArray[np.floating], temperature: float) -> Floats:
    """Return the logarithm of the softmax of a question's scores, shape `[n_options]`.

    >>> np.exp(log_probabilities(np.array([1.0, 1.0]), 1.0)).round(6).tolist()
    [0.5, 0.5]
    """
    shifted = (scores.astype(np.float64) - scores.max(initial=-np.inf)) / temperature
    # Sorted before summation, so that permuted options give identical bits.
    return np.asarray(shifted - np.log(np.sort(np.exp(shifted)).sum()), np.float64)


def certainty(logs: Floats, measure: Certainty) -> float:
    """Return the confidence of log-probabilities: 0 if all are equal, 1 if one option has all.

    Args:
        logs: Shape `[n_options]`.
        measure: `margin`: the best probability minus the second; `entropy`: 1 minus the entropy
            divided by its maximum.

    >>> certainty(np.log([0.5, 0.3, 0.2]), "margin")
    0.2
    >>> certainty(np.log([0.25, 0.25, 0.25, 0.25]), "entropy")
    0.0
    """
    if len(logs) < 2:
        return 1.0
    shares = np.exp(logs)
    if measure == "margin":
        best = np.sort(shares)[-2:]
        # Rounded to ten places: rounding errors must not decide which questions are chosen.
        return round(float(best[1] - best[0]), 10)
    spread = -float((shares * logs).sum()) / math.log(len(logs))
    return round(1 - spread, 10) + 0.0


def most_asked(share: float, n_questions: int) -> int:
    """Return the maximum number of questions for a share, rounded up.

    >>> most_asked(0.07, 100), most_asked(0.07, 101)
    (7, 8)
    """
    # In binary floating point 0.07 * 100 is above 7, and would be rounded up to 8.
    return math.ceil(Fraction(str(share)) * n_questions)


def least_certain(
    questions: Sequence[Question],
    certainties: Sequence[float],
    *,
    share: float,
    threshold: float | None,
) -> list[int]:
    """Return the indices of the least confident questions, least confident first.

    Ties are ordered by the questions themselves, not by their positions in the exam.

    Args:
        questions: The questions.
        certainties: Confidence of each.
        share: Maximum share of the questions, rounded up.
        threshold: If given, only questions with a lower confidence.
    """
    order = sorted(
        range(len(questions)),
        key=lambda i: (
            certainties[i],
            hash_json([questions[i].id, questions[i].prompt, list(questions[i].options)]),
        ),
    )
    if threshold is not None:
        order = [i for i in order if certainties[i] < threshold]
    return order[: most_asked(share, len(questions))]
