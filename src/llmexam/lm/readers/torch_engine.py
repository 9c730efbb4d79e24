"""Logits of a batch by torch: BERT packed with weights made ready once, others padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from llmexam.errors import ModelError
from llmexam.lm.encoding.batching import longest_input
from llmexam.lm.encoding.encoders import PackedBert
from llmexam.lm.encoding.int8_linear import require_int8
from llmexam.lm.models.device import torch_device
from llmexam.lm.models.loading import ModelFolder
from llmexam.lm.models.precision import choose_dtype
from llmexam.lm.readers.heads import HeadKind, Task, mean_packed, native_packed
from llmexam.lm.readers.reader import Reader, load_reader

# More tokens a batch leave the caches of a CPU (measured); a GPU wants many at once.
_CPU_TOKENS = 2048
_INT8_TOKENS = 1024
_GPU_TOKENS = 65_536


class PackedEngine:
    """A BERT with its head, without padding.

    Args:
        reader: The reader; its body is freed.
        dtype: Type to compute the body in; the head is computed in fp32.
        device: Where to compute.
        int8: Multiply by the body's weights in int8.
    """

    pads = False
    batch_tokens = _CPU_TOKENS

    def __init__(
        self, reader: Reader, dtype: torch.dtype, device: torch.device, *, int8: bool = False
    ) -> None:
        if int8:
            self.batch_tokens = _INT8_TOKENS
        self.n_outputs = reader.n_outputs
        self.max_tokens = longest_input(reader.config)
        self.name = "torch-int8" if int8 else f"torch-{_short(dtype)}"
        self._bert = PackedBert(reader.body, dtype, device, int8=int8)
        # Its weights are in `PackedBert` now; only the head is called from here on.
        reader.body.encoder = reader.body.embeddings = None
        self._reader = reader.to(device)

    def __call__(
        self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Return logits, shape `[n_sequences, n_outputs]`."""
        head = self._reader.head
        with torch.inference_mode():
            hidden = self._bert.read(ids, types, first_only=head is None)
            if head is None:
                logits = native_packed(self._reader.model, hidden.float())
            else:
                logits = head(mean_packed(hidden, [len(one) for one in ids]))
        found: NDArray[np.float32] = logits.cpu().numpy()
        return found


class PaddedEngine:
    """Any reader, sequences of a batch padded to the longest.

    Args:
        reader: The reader, its weights in the type to compute in.
        device: Where to compute.
    """

    def __init__(self, reader: Reader, device: torch.device) -> None:
        self.pads = reader.pads
        self.batch_tokens = _GPU_TOKENS if device.type == "cuda" else _CPU_TOKENS
        self.n_outputs = reader.n_outputs
        self.max_tokens = longest_input(reader.config)
        self.name = f"torch-{_short(next(reader.parameters()).dtype)}"
        self._device = device
        self._reader = reader.to(device)

    def __call__(
        self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Return logits, shape `[n_sequences, n_outputs]`."""
        with torch.inference_mode():
            logits = self._reader(
                torch.tensor([token for one in ids for token in one], device=self._device),
                torch.tensor([kind for one in types for kind in one], device=self._device),
                [len(one) for one in ids],
            )
        found: NDArray[np.float32] = logits.cpu().numpy()
        return found


def load_torch_engine(
    folder: ModelFolder,
    *,
    head: HeadKind,
    task: Task,
    precision: Literal["auto", "fp32", "bf16", "int8"],
    device: str,
) -> PackedEngine | PaddedEngine:
    """Return the fastest engine of torch for a trained reader.

    Raises:
        ModelError: The model cannot be loaded or has no trained head, or int8 is asked for where
            it is not to be had.
    """
    place = torch_device(device)
    if precision == "int8":
        return _load_int8(folder, head, task, place)
    dtype = choose_dtype(precision, place)
    reader = load_reader(folder, head=head, task=task)
    if reader.pads or place.type == "cuda":
        # On a GPU the reader's own packed path asks for attention once a batch, not once a length.
        return PaddedEngine(reader.to(dtype), place)
    return PackedEngine(reader, dtype, place)


def _load_int8(
    folder: ModelFolder, head: HeadKind, task: Task, place: torch.device
) -> PackedEngine:
    if place.type != "cpu":
        raise ModelError(
            f"int8 runs on the CPU, but the device is '{place}'", hint="Take precision: auto"
        )
    require_int8()
    reader = load_reader(folder, head=head, task=task)
    if reader.pads:
        raise ModelError(
            f"int8 by torch knows BERT with GELU alone, but this is '{reader.config.model_type}'",
            file=folder.path,
            hint=f"Export it: llmexam export {folder.name} --to onnx-int8 --out FOLDER",
        )
    return PackedEngine(reader, torch.float32, place, int8=True)


def _short(dtype: torch.dtype) -> str:
    return "bf16" if dtype == torch.bfloat16 else "fp32"
