"""The Keras model that is trained: token ids to the loss of each token of an answer.

Logits are computed only at the tokens of the answer: a vocabulary has up to 262,144 tokens, so that
those of all positions would take more time and memory than the rest of the model.
"""

from __future__ import annotations

from typing import Any

from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.causal import KerasDecoder


def answer_model(decoder: KerasDecoder) -> Any:
    """Return a Keras model of the cross-entropy of each target, float32 `[n_rows, n_targets]`.

    Its inputs are those of the decoder's backbone, with `at`, the position of the state before
    each target, and `targets`, the token ids to learn; both `[n_rows, n_targets]`.

    Args:
        decoder: The decoder, whose weights are shared.
    """
    keras = import_keras()
    ops, backbone = keras.ops, decoder.backbone
    at = keras.Input((None,), dtype="int32", name="at")
    targets = keras.Input((None,), dtype="int32", name="targets")
    # Before the head, so that what it does with logits, such as capping, is kept.
    states = ops.take_along_axis(backbone.output, ops.expand_dims(at, -1), axis=1)
    logits = ops.cast(backbone.token_embedding(states, reverse=True), "float32")
    own = ops.take_along_axis(logits, ops.expand_dims(targets, -1), axis=2)
    losses = ops.logsumexp(logits, axis=-1) - ops.squeeze(own, -1)
    return keras.Model({**backbone.input, "at": at, "targets": targets}, losses)


def given_loss(unused: Any, losses: Any) -> Any:
    """Return the losses that the model computes; as a loss of Keras."""
    return losses
