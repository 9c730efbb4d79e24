"""Read safetensors files part by part, prefetching the next part during computation."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from llmexam.errors import ModelError
from llmexam.lm.models.loading import ModelFolder

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
# Tensors start at multiples of this many bytes in a buffer: `view` with a larger type needs it.
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file, or a slice of its first dimension.

    Attributes:
        file: The file.
        offset: Offset of its first byte.
        dtype: Its type in the file.
        shape: Its shape.
    """

    file: Path
    offset: int
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        """Its size in the file."""
        return int(torch.Size(self.shape).numel() * self.dtype.itemsize)

    def rows(self, begin: int, end: int) -> Stored:
        """Return a slice of the first dimension."""
        each = self.n_bytes // self.shape[0]
        shape = (end - begin, *self.shape[1:])
        return Stored(self.file, self.offset + begin * each, self.dtype, shape)


@dataclass(frozen=True, eq=False)
class Part:
    """Weights that are loaded together.

    Attributes:
        name: Name for counts and messages.
        tensors: Stored tensor and target type, by name.
    """

    name: str
    tensors: Mapping[str, tuple[Stored, torch.dtype]]

    @property
    def n_bytes(self) -> int:
        """Bytes they take in memory."""
        return sum(_aligned(stored, dtype) for stored, dtype in self.tensors.values())

    @property
    def staging_bytes(self) -> int:
        """Bytes of the largest tensor whose type must be converted."""
        return max((s.n_bytes for s, dtype in self.tensors.values() if s.dtype != dtype), default=0)


@dataclass(slots=True)
class Reading:
    """Counts of data read so far.

    Attributes:
        n_bytes: Bytes.
        parts: The parts, in the order they were read.
    """

    n_bytes: int = 0
    parts: list[str] = field(default_factory=list)


class WeightFiles:
    """The tensors of a model folder, by name.

    The safetensors library maps files into memory, where pages stay resident as long as memory
    lasts; here bytes are read into reused buffers. The format is documented: eight bytes of header
    length, a JSON header, then the bytes of all tensors.

    Args:
        folder: The model.

    Raises:
        ModelError: A file is damaged.
    """

    def __init__(self, folder: ModelFolder) -> None:
        self.folder = folder
        self.reading = Reading()
        self._stored: dict[str, Stored] = {}
        for file in folder.weight_files:
            self._stored.update(_read_header(file))

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    def __getitem__(self, name: str) -> Stored:
        return self._stored[name]

    def read(self, stored: Stored, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return a tensor.

        Raises:
            ModelError: The file ends too early.
        """
        out = torch.empty(stored.shape, dtype=dtype, device=device)
        self._read_into(stored, out)
        return out

    def read_rows(self, stored: Stored, rows: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Read only some rows of a table, shape `[n_rows, ...]`.

        Args:
            stored: The table.
            rows: Indices in ascending order.
            dtype: The type to return.
        """
        out = torch.empty((len(rows), *stored.shape[1:]), dtype=dtype)
        begin = 0
        for at in range(1, len(rows) + 1):
            # Consecutive rows are read at once.
            if at == len(rows) or rows[at] != rows[at - 1] + 1:
                self._read_into(stored.rows(rows[begin], rows[at - 1] + 1), out[begin:at])
                begin = at
        return out

    def stream(self, parts: Sequence[Part], device: torch.device) -> Iterator[dict[str, Tensor]]:
        """Yield the weights of each part; they are valid until the next iteration.

        A thread fills one of two buffers while the other is in use.
        """
        size = max((part.n_bytes for part in parts), default=0)
        buffers = [torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2)]
        with ThreadPoolExecutor(1, thread_name_prefix="weights") as pool:
            ahead = pool.submit(self._fill, parts[0], buffers[0]) if parts else None
            for i in range(len(parts)):
                assert ahead is not None
                weights = ahead.result()
                if i + 1 < len(parts):
                    ahead = pool.submit(self._fill, parts[i + 1], buffers[(i + 1) % 2])
                yield weights

    @torch.inference_mode()
    def _fill(self, part: Part, buffer: Tensor) -> dict[str, Tensor]:
        weights, begin = {}, 0
        for name, (stored, dtype) in part.tensors.items():
            n_bytes = torch.Size(stored.shape).numel() * dtype.itemsize
            out = buffer[begin : begin + n_bytes].view(dtype).view(stored.shape)
            self._read_into(stored, out)
            weights[name] = out
            begin += _aligned(stored, dtype)
        if buffer.device.type == "cuda":
            torch.cuda.synchronize(buffer.device)
        self.reading.parts.append(part.name)
        return weights

    def _read_into(self, stored: Stored, out: Tensor) -> None:
        direct = out.dtype == stored.dtype and out.device.type == "cpu"
        raw = out if direct else torch.empty(stored.shape, dtype=stored.dtype)
        view = raw.reshape(-1).view(torch.uint8).numpy().data
        with stored.file.open("rb", buffering=0) as file:
            at = 0
            while at < len(view):
                # One call may return less than requested: Linux reads at most 2 GB.
                n = os.preadv(file.fileno(), [view[at:]], stored.offset + at)
                if n == 0:
                    raise ModelError("the file is truncated", file=stored.file)
                at += n
        self.reading.n_bytes += len(view)
        if not direct:
            out.copy_(raw)


def _aligned(stored: Stored, dtype: torch.dtype) -> int:
    n_bytes = torch.Size(stored.shape).numel() * dtype.itemsize
    return -(-n_bytes // _ALIGNMENT) * _ALIGNMENT


def _read_header(file: Path) -> dict[str, Stored]:
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            size = file.stat().st_size
            if length > size - 8:
                raise ValueError("its header is longer than the file")
            header = json.loads(opened.read(length))
            header.pop("__metadata__", None)
            found = {}
            for name, entry in header.items():
                begin, end = entry["data_offsets"]
                dtype = _TYPES.get(entry["dtype"])
                if dtype is None:
                    raise ValueError(f"expected '{name}' as float, got {entry['dtype']}")
                found[name] = Stored(file, 8 + length + begin, dtype, tuple(entry["shape"]))
                if found[name].n_bytes != end - begin or 8 + length + end > size:
                    raise ValueError(f"'{name}' is truncated")
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        struct.error,
    ) as error:
        raise ModelError(f"cannot be streamed: {error}", file=file) from error
    return found
