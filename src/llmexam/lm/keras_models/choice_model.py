"""A multiple-choice model: a Keras reader applied to each option, with shared weights.

This module imports Keras; see `session`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.keras_models.sequence_model import SequenceModel
from llmexam.lm.keras_models.session import keras

ops = keras.ops

MISSING = -1e9
"""Logit of an option that a question does not have: its probability is 0 in every precision."""


class FoldOptions(keras.layers.Layer):  # type: ignore[misc]
    """Makes sequences of options: `[questions, options, tokens]` to `[sequences, tokens]`."""

    def call(self, inputs: Any) -> Any:
        """Return the sequences."""
        return ops.reshape(inputs, (-1, ops.shape(inputs)[-1]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the sequences."""
        return (None, input_shape[-1])


class UnfoldOptions(keras.layers.Layer):  # type: ignore[misc]
    """Groups the logits of sequences by question, and masks the options that are not there."""

    def call(self, logits: Any, option_mask: Any) -> Any:
        """Return logits, float32, shape `[questions, options]`."""
        grouped = ops.reshape(ops.cast(logits, "float32"), ops.shape(option_mask))
        return ops.where(ops.cast(option_mask, "bool"), grouped, MISSING)

    def compute_output_shape(
        self, logits_shape: tuple[int | None, ...], option_mask_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return the shape of the logits."""
        return option_mask_shape


def choice_model(reader: SequenceModel) -> Any:
    """Return a functional Keras model with one logit for each option.

    Its inputs are those of the backbone (`token_ids`, `padding_mask`, for some `segment_ids`),
    int32, shape `[questions, options, tokens]`, and `option_mask`, shape `[questions, options]`.
    """
    inputs = {name: keras.Input((None, None), dtype="int32", name=name) for name in reader.inputs}
    option_mask = keras.Input((None,), dtype="int32", name="option_mask")
    folded = {
        name: FoldOptions(name=f"fold_{name}", dtype="int32")(one) for name, one in inputs.items()
    }
    logits = reader.head(reader.backbone(folded), folded["padding_mask"])
    grouped = UnfoldOptions(name="logits", dtype="float32")(logits, option_mask)
    return keras.Model({**inputs, "option_mask": option_mask}, grouped, name="multiple_choice")


def padded_options(
    questions: Sequence[Sequence[tuple[NDArray[np.int32], NDArray[np.int8]]]],
    names: Sequence[str],
    *,
    n_questions: int,
    n_options: int,
    n_tokens: int,
    pad_id: int,
) -> dict[str, NDArray[np.int32]]:
    """Return the inputs of a choice model, padded to a fixed shape.

    Args:
        questions: Token ids and types of the options of each question.
        names: Inputs of the backbone.
        n_questions: Questions of the result; those that are missing have no options.
        n_options: Options of each question.
        n_tokens: Tokens of each sequence.
        pad_id: Token id of the padding.
    """
    shape = (n_questions, n_options, n_tokens)
    ids = np.full(shape, pad_id, dtype=np.int32)
    types = np.zeros(shape, dtype=np.int32)
    mask = np.zeros(shape, dtype=np.int32)
    options = np.zeros(shape[:2], dtype=np.int32)
    # Attention over no token at all is not a number, so every sequence has one.
    mask[:, :, 0] = 1
    for row, own in enumerate(questions):
        options[row, : len(own)] = 1
        for place, (tokens, kinds) in enumerate(own):
            ids[row, place, : len(tokens)] = tokens
            types[row, place, : len(kinds)] = kinds
            mask[row, place, : len(tokens)] = 1
    every = {"token_ids": ids, "segment_ids": types, "padding_mask": mask}
    return {**{name: every[name] for name in names}, "option_mask": options}


def choice_loss(label_smoothing: float = 0.0) -> Any:
    """Return the cross-entropy over the options of each question, as a Keras loss function.

    The share of label smoothing goes to the wrong options that are there, in equal parts.

    Args:
        label_smoothing: Probability of the wrong options.
    """

    def loss(labels: Any, logits: Any) -> Any:
        there = ops.cast(ops.greater(logits, MISSING / 2), logits.dtype)
        logs = ops.log_softmax(logits, axis=-1) * there
        right = ops.one_hot(ops.reshape(labels, (-1,)), ops.shape(logits)[-1], dtype=logits.dtype)
        n_wrong = ops.maximum(ops.sum(there, axis=-1, keepdims=True) - 1.0, 1.0)
        wrong = (there - right * there) / n_wrong
        target = (1.0 - label_smoothing) * right + label_smoothing * wrong
        return -ops.sum(target * logs, axis=-1)

    return loss
