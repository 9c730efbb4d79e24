"""Facets: whether the recovered prompt has the true one's label, such as its tone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.facets import FacetLabels
from llmexam.recovery.rewrites import RewriteExam

Floats = NDArray[np.float64]


class FacetMatch:
    """The share of prompts whose facet is recovered.

    Rows whose true prompt has no label are no evidence; leave them out by `known_rows`.

    Args:
        labels: Labels prompts.
        facet: The facet.
    """

    higher_is_better = True
    bounds = (0.0, 1.0)

    def __init__(self, labels: FacetLabels, facet: str) -> None:
        self._labels = labels
        self._facet = facet

    @property
    def name(self) -> str:
        """Name in files."""
        return "facet_" + "".join(c if c.isalnum() else "_" for c in self._facet.lower())

    @property
    def label(self) -> str:
        """Name on pages."""
        return self._facet

    @property
    def explanation(self) -> str:
        """What it measures."""
        return (
            f"The share of recovered prompts with the {self._facet} of the true prompt, among rows "
            f"where the bank knows that {self._facet}."
        )

    def known_rows(self, items: RewriteExam) -> list[int]:
        """Return the rows whose true prompt has a label."""
        found = self._labels.of(items.prompts, self._facet)
        return [row for row, label in enumerate(found) if label]

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return 1 where both prompts have the same label, else 0, shape `[n_items]`."""
        truth = self._labels.of(items.prompts, self._facet)
        found = self._labels.of(predictions, self._facet)
        return np.array([float(bool(a) and a == b) for a, b in zip(found, truth, strict=True)])

    def chance(self, items: RewriteExam, /) -> Floats:
        """Return the share of the other rows with the label of each row, shape `[n_items]`."""
        truth = self._labels.of(items.prompts, self._facet)
        counts = Counter(truth)
        others = max(len(truth) - 1, 1)
        return np.array([(counts[label] - 1) / others if label else 0.0 for label in truth])

    def most_frequent(self, items: RewriteExam) -> float:
        """Return the share of the most frequent label: what the best constant label earns."""
        labels = [label for label in self._labels.of(items.prompts, self._facet) if label]
        return Counter(labels).most_common(1)[0][1] / len(items) if labels else 0.0

    def n_labels(self, items: RewriteExam) -> int:
        """Return the number of distinct labels of the true prompts."""
        return len({label for label in self._labels.of(items.prompts, self._facet) if label})
