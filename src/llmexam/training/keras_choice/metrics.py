"""MAP@k as a Keras metric.

This module imports Keras; see `llmexam.lm.keras_models.session`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from llmexam.evaluation.metrics.average_precision import MAPAtK
from llmexam.lm.keras_models.session import keras

ops = keras.ops


class MapAtK(keras.metrics.MeanMetricWrapper):  # type: ignore[misc]
    """Mean average precision at k of the questions so far, weighted by their sample weights.

    Among tied options, the value is the expected one under a random order of them, as the order
    that `ScoreMatrix.ranking` gives them does not depend on their position either.

    Args:
        k: How many of the first options count, at least 1.

    Raises:
        SettingsError: k is less than 1.
    """

    def __init__(self, k: int = 3) -> None:
        metric = MAPAtK(k)
        by_rank = metric.at_rank(np.arange(1, k + 1, dtype=np.float64))
        self.k = k
        # Entry r is the sum of the values of the ranks 1 to r.
        self._totals = np.concatenate([[0.0], np.cumsum(by_rank)]).astype(np.float32)
        super().__init__(self._values, name=metric.name)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"k": self.k}

    def _values(self, labels: Any, logits: Any) -> Any:
        """Return the value of each question, shape `[n_questions]`."""
        logits = ops.convert_to_tensor(logits)
        right = ops.cast(ops.reshape(labels, (-1, 1)), "int32")
        own = ops.take_along_axis(logits, right, axis=-1)
        n_above = ops.sum(ops.cast(logits > own, "int32"), axis=-1)
        n_tied = ops.sum(ops.cast(ops.equal(logits, own), "int32"), axis=-1)
        totals = ops.convert_to_tensor(self._totals)
        first = ops.take(totals, ops.minimum(n_above, self.k))
        last = ops.take(totals, ops.minimum(n_above + n_tied, self.k))
        # At least 1, because a logit that is not a number does not even equal itself.
        return (last - first) / ops.cast(ops.maximum(n_tied, 1), "float32")
