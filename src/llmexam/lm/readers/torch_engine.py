"""Logits of a batch by torch: padding-free BERT, other readers padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from llmexam.lm.encoding.batching import longest_input
from llmexam.lm.encoding.int8_loading import require_cpu
from llmexam.lm.models.device import torch_device
from llmexam.lm.models.loading import ModelFolder, has_tokenizer, load_tokenizer
from llmexam.lm.models.precision import INT8_VERSION, choose_dtype
from llmexam.lm.readers.heads import HeadKind, Task
from llmexam.lm.readers.reader import Reader, load_reader

# Larger batches leave the caches of a CPU (measured); a GPU needs large ones.
_CPU_TOKENS = 2048
_INT8_TOKENS = 1024
_GPU_TOKENS = 65_536


class TorchEngine:
    """Runs a reader on a device.

    Args:
        reader: The reader, on the device, with weights in the compute type or prepared.
        device: The device.
        name: Backend and number type, such as `torch-fp32`.
        batch_tokens: Fastest number of tokens per batch, with padding.
    """

    def __init__(self, reader: Reader, device: torch.device, name: str, batch_tokens: int) -> None:
        self.pads = reader.pads
        self.batch_tokens = batch_tokens
        self.n_outputs = reader.n_outputs
        self.max_tokens = longest_input(reader.config)
        self.name = name
        self._device = device
        self._reader = reader

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
) -> TorchEngine:
    """Return the fastest torch engine for a trained reader.

    Raises:
        ModelError: The model is unusable or has no trained head, or int8 is not supported here.
    """
    place = torch_device(device)
    int8 = precision == "int8"
    if int8:
        require_cpu(place)
    dtype = torch.float32 if precision == "int8" else choose_dtype(precision, place)
    reader = load_reader(folder, head=head, task=task)
    if int8:
        reader.prepare_int8(load_tokenizer(folder) if has_tokenizer(folder) else None, folder)
    elif reader.pads or place.type == "cuda":
        reader.to(place, dtype)
    else:
        reader.prepare(dtype, place)
    # Logits that an earlier int8 arithmetic computed must not be taken from a cache.
    kind = INT8_VERSION if int8 else {torch.bfloat16: "bf16"}.get(dtype, "fp32")
    size = _GPU_TOKENS if place.type == "cuda" else _INT8_TOKENS if int8 else _CPU_TOKENS
    return TorchEngine(reader, place, f"torch-{kind}", size)
