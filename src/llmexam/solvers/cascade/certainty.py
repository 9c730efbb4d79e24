"""How certain scores are of their best option, and which questions they are least certain of."""

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
    # Summed by size, so that the places of options change no bit.
    return np.asarray(shifted - np.log(np.sort(np.exp(shifted)).sum()), np.float64)


def certainty(logs: Floats, measure: Certainty) -> float:
    """Return how certain log-probabilities are: 0 where all are equal, 1 where one has all.

    Args:
        logs: Shape `[n_options]`.
        measure: `margin`: the best probability less the second; `entropy`: 1 less the entropy as
            a part of the largest there can be.

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
        # Equal to ten places: the order of sums must not decide who is asked.
        return round(float(best[1] - best[0]), 10)
    spread = -float((shares * logs).sum()) / math.log(len(logs))
    return round(1 - spread, 10) + 0.0


def most_asked(share: float, n_questions: int) -> int:
    """Return how many of some questions a share is at most, rounded up.

    >>> most_asked(0.07, 100), most_asked(0.07, 101)
    (7, 8)
    """
    # 0.07 * 100 is above 7 in binary.
    return math.ceil(Fraction(str(share)) * n_questions)


def least_certain(
    questions: Sequence[Question],
    certainties: Sequence[float],
    *,
    share: float,
    threshold: float | None,
) -> list[int]:
    """Return the places of the questions of least certainty, least first.

    Equally certain ones stand in an order that depends on the questions, not on their places.

    Args:
        questions: The questions.
        certainties: How certain each is.
        share: Which part of the questions at most, rounded up.
        threshold: Only those of a certainty below this, if it is given.
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
