"""Damage to what llmexam stored itself: other results without an error are a fault."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from llmexam.evidence.index.dense import DenseIndex
from llmexam.evidence.index.sparse import SparseIndex
from llmexam.exam.question import Passage
from llmexam.storage.answer_store import AnswerStore

_PASSAGES = [
    Passage(f"Gold {i} is word{i % 7} of rust{i % 5}.", f"T{i % 3}", f"d{i}") for i in range(60)
]
_QUERIES = ["gold word3", "rust2 word1", "t2"]
_VALUES = {f"key {i}".encode(): f"value {i}".encode() * 9 for i in range(40)}


class _HashEncoder:
    name, weights_hash, dim = "hash", "0" * 64, 16

    def encode(self, texts: Sequence[str], *, kind: str = "") -> np.ndarray:
        vectors = np.full((len(texts), self.dim), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, crc32(word.encode()) % self.dim] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _build(kind: str, folder: Path) -> None:
    if kind == "sparse":
        SparseIndex.build(folder, _PASSAGES)
    elif kind == "dense":
        DenseIndex.build(folder, _PASSAGES, _HashEncoder())
    else:
        AnswerStore(folder).put(_VALUES)


def _read(kind: str, folder: Path) -> Any:
    if kind == "sparse":
        return SparseIndex.open(folder).search(_QUERIES, 5)
    if kind == "dense":
        return DenseIndex.open(folder, _HashEncoder()).search(_QUERIES, 5)
    found = AnswerStore(folder).get(list(_VALUES))
    # A value that is missing is computed again.
    return {key: value for key, value in found.items() if value != _VALUES[key]}


@cache
def _stored(kind: str) -> tuple[dict[str, bytes], Any]:
    """Return the files of an index or a cache, and what is read from it."""
    folder = Path(tempfile.mkdtemp(prefix="llmexam-fuzz-"))
    try:
        _build(kind, folder / "x")
        files = {
            path.relative_to(folder / "x").as_posix(): path.read_bytes()
            for path in sorted((folder / "x").rglob("*"))
            if path.is_file() and path.stat().st_size
        }
        return files, _read(kind, folder / "x")
    finally:
        shutil.rmtree(folder)


def stored_kinds() -> tuple[str, ...]:
    """Return what can be built here."""
    return ("sparse", "dense", "cache") if find_spec("faiss") else ("sparse", "cache")


def stored_files(kind: str) -> dict[str, bytes]:
    """Return the files of an index or a cache, by name."""
    return _stored(kind)[0]


def read_damaged(kind: str, path: Path, folder: Path, draw: random.Random) -> Any:
    """Read an index or a cache of which one file is another one.

    Args:
        kind: One of `stored_kinds`.
        path: The damaged file.
        folder: An empty folder.
        draw: Unused.

    Raises:
        AssertionError: Something else was read, without an error.
    """
    files, expected = _stored(kind)
    name = next(one for one in files if path.as_posix().endswith(f"/{one}"))
    for one, data in files.items():
        (folder / one).parent.mkdir(parents=True, exist_ok=True)
        (folder / one).write_bytes(path.read_bytes() if one == name else data)
    assert _read(kind, folder) == expected, f"{name} is damaged, and other results are read"
    return expected
