"""Examples as tensors: rows padded at the end, in passes with a limit of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from llmexam.training.base.losses import NO_LABEL
from llmexam.training.rewrites.examples import Example, Examples

# A row that would bring the padding of a pass above the rest begins another pass.
_LEAST_REAL = 0.9


class Pass(TypedDict):
    """Inputs and targets of one forward pass.

    Attributes:
        input_ids: Token ids, shape `[n_rows, n_tokens]`.
        attention_mask: 0 for padding, same shape.
        at: Place of the state before each target, in the flattened rows, shape `[n_targets]`.
        targets: Token ids to learn, or `NO_LABEL`, shape `[n_targets]`.
    """

    input_ids: Tensor
    attention_mask: Tensor
    at: Tensor
    targets: Tensor


def split_by_tokens(n_tokens: Sequence[int], limit: int) -> list[range]:
    """Return consecutive rows of each pass, within a limit of tokens and with little padding.

    Args:
        n_tokens: Tokens of each row, the longest first.
        limit: Most tokens of a pass, padding included; a longer row has a pass of its own.

    >>> split_by_tokens([9, 9, 8, 8, 2], 20)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    passes: list[range] = []
    start = n_real = 0
    for row, n in enumerate(n_tokens):
        n_all = (row + 1 - start) * n_tokens[start]
        if row > start and (n_all > limit or n_real + n < _LEAST_REAL * n_all):
            passes.append(range(start, row))
            start = row
            n_real = 0
        n_real += n
    return [*passes, range(start, len(n_tokens))] if len(n_tokens) else passes


def collate(examples: Sequence[Example], counts: Sequence[bool], *, pad_id: int) -> Pass:
    """Return one pass.

    Args:
        examples: Its rows.
        counts: False for a row without loss, which only fills up a process.
        pad_id: Token id to pad with.
    """
    width = max(one.n_tokens for one in examples)
    ids = np.full((len(examples), width), pad_id, dtype=np.int64)
    real = np.zeros((len(examples), width), dtype=np.int64)
    at, targets = [], []
    for row, (one, is_counted) in enumerate(zip(examples, counts, strict=True)):
        ids[row, : one.n_tokens] = one.ids
        real[row, : one.n_tokens] = 1
        # The state of a token predicts the next one.
        at.append(row * width + np.arange(one.start - 1, one.n_tokens - 1))
        targets.append(one.targets if is_counted else np.full(len(one.targets), NO_LABEL))
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(real),
        "at": torch.from_numpy(np.concatenate(at)),
        "targets": torch.from_numpy(np.concatenate(targets)),
    }


def on_device(inputs: Pass, device: torch.device) -> Pass:
    """Return a pass with its tensors on a device."""
    return {
        "input_ids": inputs["input_ids"].to(device),
        "attention_mask": inputs["attention_mask"].to(device),
        "at": inputs["at"].to(device),
        "targets": inputs["targets"].to(device),
    }


def padding_share(examples: Examples, batches: Sequence[Sequence[int]], limit: int) -> float:
    """Return the share of padding in the computed tokens, 0 to 1.

    Args:
        examples: The examples.
        batches: Rows of each batch.
        limit: Most tokens of a pass.
    """
    n_real = n_all = 0
    for batch in batches:
        lengths = examples.n_tokens[list(batch)].tolist()
        for part in split_by_tokens(lengths, limit):
            own = lengths[part.start : part.stop]
            n_real += sum(own)
            n_all += len(own) * max(own)
    return 1 - n_real / n_all if n_all else 0.0
