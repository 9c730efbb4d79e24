"""Vectors on disk, so that no text is embedded, and no sequence scored, twice across runs.

A folder holds segments: `.npy` files of records (hash of the text, cut, vector), written whole,
read through memory mapping, never changed. Writers need no lock: each adds segments of its own.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.storage.atomic import atomic_path

_HASH_BYTES = 16


class VectorCache:
    """Vectors of one model with one set of settings.

    Args:
        folder: Where the segments are; made at the first `store`. Use one folder for each
            fingerprint of an embedder.
        dim: Length of a vector.
        max_bytes: When the segments grow beyond this, the oldest go.
    """

    def __init__(self, folder: Path, dim: int, *, max_bytes: int = 4 << 30) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._record = np.dtype(
            [("hash", f"V{_HASH_BYTES}"), ("cut", "?"), ("vector", "<f4", (dim,))]
        )
        self._segments: dict[Path, NDArray[np.void]] = {}
        self._places: dict[bytes, tuple[Path, int]] = {}

    def look_up(
        self, texts: Sequence[str | bytes], vectors: NDArray[np.float32], cut: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Fill in what is known and return which texts those are, shape `[n_texts]`.

        Args:
            texts: Texts, or other content as bytes, to look up.
            vectors: Written to, shape `[n_texts, dim]`.
            cut: Written to, shape `[n_texts]`.
        """
        self._refresh()
        known = np.zeros(len(texts), dtype=bool)
        wanted: dict[Path, tuple[list[int], list[int]]] = {}
        for i, text in enumerate(texts):
            place = self._places.get(_hash(text))
            if place is not None:
                targets, sources = wanted.setdefault(place[0], ([], []))
                targets.append(i)
                sources.append(place[1])
        for segment, (targets, sources) in wanted.items():
            records = self._segments[segment][sources]
            vectors[targets] = records["vector"]
            cut[targets] = records["cut"]
            known[targets] = True
        return known

    def store(
        self, texts: Sequence[str | bytes], vectors: NDArray[np.float32], cut: NDArray[np.bool_]
    ) -> None:
        """Add vectors as a new segment, then drop the oldest segments beyond the bound."""
        if not texts:
            return
        records = np.zeros(len(texts), dtype=self._record)
        records["hash"] = [np.void(_hash(text)) for text in texts]
        records["vector"] = vectors
        records["cut"] = cut
        with (
            atomic_path(self._folder / f"{uuid.uuid4().hex}.npy") as temporary,
            temporary.open("wb") as stream,
        ):
            np.save(stream, records, allow_pickle=False)
        self._drop_oldest()

    def _refresh(self) -> None:
        present = set(self._folder.glob("*.npy"))
        for gone in self._segments.keys() - present:
            del self._segments[gone]
            self._places = {k: v for k, v in self._places.items() if v[0] != gone}
        for path in sorted(present - self._segments.keys()):
            records = self._open(path)
            if records is not None:
                self._segments[path] = records
                hashes = records["hash"].tolist()
                self._places.update((h, (path, row)) for row, h in enumerate(hashes))

    def _open(self, path: Path) -> NDArray[np.void] | None:
        try:
            records: NDArray[np.void] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None  # damaged or just dropped: its texts are embedded again
        return records if records.dtype == self._record and records.ndim == 1 else None

    def _drop_oldest(self) -> None:
        found = []
        for path in self._folder.glob("*.npy"):
            try:
                state = path.stat()
            except FileNotFoundError:  # another process dropped it
                continue
            found.append((state.st_mtime_ns, state.st_size, path))
        total = 0
        for _, size, path in sorted(found, reverse=True):
            total += size
            if total > self._max_bytes:
                path.unlink(missing_ok=True)


def _hash(text: str | bytes) -> bytes:
    content = text.encode("utf-8") if isinstance(text, str) else text
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).digest()
