"""Logits of a batch by Keras, on any backend.

This module imports Keras; see `session`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.keras_models.arrays import predicted
from llmexam.lm.keras_models.choice_model import padded_options
from llmexam.lm.keras_models.decoder_reader import load_decoder_reader, require_head_kind
from llmexam.lm.keras_models.reader import load_keras_reader
from llmexam.lm.keras_models.sequence_model import KerasHead, SequenceModel
from llmexam.lm.keras_models.session import keras
from llmexam.lm.models.loading import ModelFolder

_BATCH_TOKENS = 2048
# Lengths of the compiled programs are multiples of this.
_LENGTH_MULTIPLE = 32


class KerasEngine:
    """Runs a Keras reader on sequences; an engine of `SequenceScorer`.

    Args:
        reader: The reader, with weights of the compute type.
        name: Backend and number type, such as `keras-jax-fp32`.
        device: `cpu` or `cuda`.
    """

    pads = True
    batch_tokens = _BATCH_TOKENS
    n_outputs = 1

    def __init__(self, reader: SequenceModel, name: str, device: str) -> None:
        self.name = name
        self.max_tokens = reader.max_tokens
        self._reader = reader
        self._device = device
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in reader.inputs}
        logits = reader.head(reader.backbone(inputs), inputs["padding_mask"])
        self._model = keras.Model(inputs, logits)

    def __call__(
        self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Return logits, shape `[n_sequences, 1]`."""
        longest = max(len(one) for one in ids)
        n_rows = len(ids)
        if keras.backend.backend() != "torch":
            # A few shapes only, because each one is compiled.
            longest = -(-longest // _LENGTH_MULTIPLE) * _LENGTH_MULTIPLE
            if self.max_tokens is not None:
                longest = min(longest, self.max_tokens)
            n_rows = max(n_rows, _BATCH_TOKENS // longest)
        inputs = padded_options(
            [
                [(np.array(own, dtype=np.int32), np.array(kinds, dtype=np.int8))]
                for own, kinds in zip(ids, types, strict=True)
            ],
            self._reader.inputs,
            n_questions=n_rows,
            n_options=1,
            n_tokens=longest,
            pad_id=self._reader.pad_id,
        )
        with keras_device(self._device):
            found = predicted(self._model, {n: inputs[n][:, 0] for n in self._reader.inputs})
        return found[: len(ids)]


def load_keras_engine(
    folder: ModelFolder,
    *,
    head: KerasHead,
    precision: Literal["auto", "fp32", "bf16", "int8"],
    device: str,
) -> KerasEngine:
    """Return the engine of a trained reader.

    Raises:
        ModelError: The model is unusable or has no trained head, or the precision is int8.
    """
    if precision == "int8":
        raise ModelError(
            "precision int8 is not supported by Keras",
            file=folder.path,
            hint="Use precision fp32 or bf16"
            if head == "last"
            else "Use solver multiple-choice, which reads the same folder",
        )
    require_head_kind(folder, head)
    dtype = "bfloat16" if precision == "bf16" else "float32"
    with keras_device(device):
        reader: SequenceModel
        if head == "last":
            reader = load_decoder_reader(folder, new_head=False, dtype=dtype)
        else:
            reader = load_keras_reader(folder, head=head, new_head=False, dtype=dtype)
        name = f"keras-{keras.backend.backend()}-{'bf16' if precision == 'bf16' else 'fp32'}"
        return KerasEngine(reader, name, device)


def keras_device(device: str) -> AbstractContextManager[Any]:
    """Return the context in which variables and operations are on a device.

    Args:
        device: `cpu`, `cuda`, or `auto` for what the backend prefers, a GPU if it finds one.
    """
    if device == "auto":
        return nullcontext()
    # torch takes `cpu:0` for another device than `cpu`, and copies parameters to it as tensors.
    cpu = "cpu" if keras.backend.backend() == "torch" else "cpu:0"
    try:
        found: AbstractContextManager[Any] = keras.device(
            "gpu:0" if device.startswith("cuda") else cpu
        )
    except (RuntimeError, ValueError) as error:
        raise SettingsError(
            f"device '{device}' is set, but {keras.backend.backend()} has none: {error}",
            field="device",
        ) from None
    return found
