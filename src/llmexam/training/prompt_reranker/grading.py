"""Grades of dev rows under the current weights of a cross-encoder for candidate prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.training.base.dev_set import Graded
from llmexam.training.pairs.lists import PairList


@dataclass(frozen=True, slots=True)
class RankOfTruth:
    """The mean reciprocal rank of the true prompt as the metric that selects the best step."""

    name: str = "mrr"
    higher_is_better: bool = True


class DevLists:
    """Lists of dev rows, the true prompt first in each; see `DevItems`.

    Args:
        lists: The lists.
        score: Returns the scores of each list under the current weights.
    """

    metric = RankOfTruth()

    def __init__(
        self, lists: Sequence[PairList], score: Callable[[], Sequence[NDArray[np.float32]]]
    ) -> None:
        self._lists = lists
        self._score = score

    def grade(self) -> Graded:
        """Return the rank of the true prompt, and how good the best-ranked other candidate is.

        The loss is the mean cross-entropy of the true prompt in a softmax over its list.
        """
        ranks, chosen, losses = [], [], []
        for scores, own in zip(self._score(), self._lists, strict=True):
            values = scores.astype(np.float64)
            # Ties count against the true prompt.
            ranks.append(1 / (1 + int((values[1:] >= values[0]).sum())))
            chosen.append(own.labels[1 + int(values[1:].argmax())] if len(values) > 1 else 1.0)
            losses.append(float(np.logaddexp.reduce(values) - values[0]))
        return Graded(
            float(np.mean(ranks)),
            float(np.mean(losses)),
            further={"chosen": float(np.mean(chosen))},
        )
