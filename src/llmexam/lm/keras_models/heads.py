"""Heads of Keras readers, from token vectors to one logit per sequence.

The layers are defined in functions, because Keras must not be imported before its backend is
chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from llmexam.lm.keras_models.backend import import_keras

# Standard deviation of new weights, as BERT's `initializer_range`.
_SPREAD = 0.02


def mean_head(dim: int) -> Any:
    """Return a new layer: one logit from the mean of the token vectors, in float32.

    Args:
        dim: Width of the token vectors.
    """
    return _layers()[0](dim, dtype="float32", name="mean_head")


def native_head(
    dim: int, *, activation: Callable[[Any], Any] | str, before: float, after: float
) -> Any:
    """Return a new layer: one logit from the first token, as transformers has it, in float32.

    Args:
        dim: Width of the token vectors.
        activation: Activation of the dense layer.
        before: Dropout rate before the dense layer.
        after: Dropout rate after it.
    """
    return _layers()[1](
        dim, activation, before=before, after=after, dtype="float32", name="native_head"
    )


def last_head(dim: int) -> Any:
    """Return a new layer: one logit from the last token, in float32, as transformers' classifiers.

    Args:
        dim: Width of the token vectors.
    """
    return _layers()[2](dim, dtype="float32", name="last_head")


def draw_linear(layer: Any, generator: np.random.Generator, spread: float = _SPREAD) -> None:
    """Initialise a dense layer from a generator: weights from a normal distribution, bias 0.

    All backends get the same weights from the same generator.
    """
    shape = tuple(layer.kernel.shape)
    layer.kernel.assign(generator.normal(0.0, spread, shape).astype(np.float32))
    layer.bias.assign(np.zeros(tuple(layer.bias.shape), dtype=np.float32))


@cache
def _layers() -> tuple[Any, Any, Any]:
    keras = import_keras()
    ops = keras.ops

    def dense(
        dim: int, units: int, name: str, activation: Any = None, *, use_bias: bool = True
    ) -> Any:
        layer = keras.layers.Dense(
            units, activation=activation, use_bias=use_bias, dtype="float32", name=name
        )
        layer.build((None, dim))
        return layer

    class MeanHead(keras.layers.Layer):  # type: ignore[misc,name-defined]
        """A linear layer over the mean of a sequence's token vectors."""

        def __init__(self, dim: int, **options: Any) -> None:
            super().__init__(**options)
            self.output_dense = dense(dim, 1, "output_dense")
            self.built = True

        def call(self, vectors: Any, padding_mask: Any) -> Any:
            """Return logits, `[n_sequences, n_tokens, dim]` -> `[n_sequences, 1]`."""
            weights = ops.expand_dims(ops.cast(padding_mask, "float32"), -1)
            # A sequence of padding alone, which fills up a batch, has no mean.
            n_tokens = ops.maximum(ops.sum(weights, axis=1), 1.0)
            return self.output_dense(ops.sum(vectors * weights, axis=1) / n_tokens)

    class FirstTokenHead(keras.layers.Layer):  # type: ignore[misc,name-defined]
        """A dense layer with an activation and a linear layer over the first token's vector."""

        def __init__(
            self, dim: int, activation: Any, *, before: float, after: float, **options: Any
        ) -> None:
            super().__init__(**options)
            self.before = keras.layers.Dropout(before, dtype="float32")
            self.dense = dense(dim, dim, "dense", activation)
            self.after = keras.layers.Dropout(after, dtype="float32")
            self.output_dense = dense(dim, 1, "output_dense")
            self.built = True

        def call(self, vectors: Any, padding_mask: Any, training: bool | None = None) -> Any:
            """Return logits, `[n_sequences, n_tokens, dim]` -> `[n_sequences, 1]`."""
            first = self.before(vectors[:, 0], training=training)
            return self.output_dense(self.after(self.dense(first), training=training))

    class LastTokenHead(keras.layers.Layer):  # type: ignore[misc,name-defined]
        """A linear layer without bias over the last token's vector."""

        def __init__(self, dim: int, **options: Any) -> None:
            super().__init__(**options)
            self.score = dense(dim, 1, "score", use_bias=False)
            self.built = True

        def call(self, vectors: Any, padding_mask: Any) -> Any:
            """Return logits, `[n_sequences, n_tokens, dim]` -> `[n_sequences, 1]`."""
            n_tokens = ops.sum(ops.cast(padding_mask, "int32"), axis=1)
            # A sequence of padding alone, which fills up a batch, has no last token.
            at = ops.reshape(ops.maximum(n_tokens - 1, 0), (-1, 1, 1))
            return self.score(ops.squeeze(ops.take_along_axis(vectors, at, axis=1), 1))

    return MeanHead, FirstTokenHead, LastTokenHead
