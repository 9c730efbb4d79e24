"""Hidden states of a whole exam between two layers, in memory or in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Self

import torch
from torch import Tensor


class StateStore:
    """States by batch; use it in a `with` block.

    Args:
        sizes: Number of states of each batch.
        width: Dimension of a state.
        dtype: Type of the states.
        in_file: Whether to store them in a file.
        folder: Folder of the file; by default the system's folder for temporary files.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        width: int,
        dtype: torch.dtype,
        *,
        in_file: bool,
        folder: Path | None = None,
    ) -> None:
        self._shapes = [(size, width) for size in sizes]
        self._dtype = dtype
        each = [size * width * dtype.itemsize for size in sizes]
        self._begins = [0, *accumulate(each)]
        self._kept: list[Tensor | None] = [None] * len(sizes)
        # Unbuffered, so that no copy stays in this process.
        self._file = (
            tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115
            if in_file
            else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, index: int, states: Tensor) -> None:
        """Store the states of a batch, shape `[n, width]`."""
        own = states.to("cpu", self._dtype).contiguous()
        if self._file is None:
            self._kept[index] = own
            return
        view = own.view(torch.uint8).reshape(-1).numpy().data
        self._file.seek(self._begins[index])
        at = 0
        while at < len(view):
            at += self._file.write(view[at:]) or 0

    def read(self, index: int, device: torch.device) -> Tensor:
        """Return the states of a batch, shape `[n, width]`."""
        if self._file is None:
            kept = self._kept[index]
            assert kept is not None
            return kept.to(device)
        own = torch.empty(self._shapes[index], dtype=self._dtype)
        view = own.view(torch.uint8).reshape(-1).numpy().data
        self._file.seek(self._begins[index])
        at = 0
        while at < len(view):
            n = self._file.readinto(view[at:])
            if not n:
                raise EOFError("the file of hidden states is truncated")
            at += n
        return own.to(device)
