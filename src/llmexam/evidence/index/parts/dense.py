"""A dense index in parts: all are searched with one encoded query, and their results merged."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import EvidenceIndexError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.dense import DenseIndex
from llmexam.evidence.index.files import is_passing
from llmexam.evidence.index.manifest import Manifest
from llmexam.evidence.index.parts.checking import check_parts, naming_part, verify_parts
from llmexam.evidence.index.parts.index import PartedIndex
from llmexam.evidence.index.stored_precision import require_recorded_precision
from llmexam.evidence.index.vectors import DenseSettings
from llmexam.exam.question import Passage
from llmexam.machine import n_cores


class DenseParts(PartedIndex):
    """Nearest passages of all parts by cosine similarity.

    A part of at most `flat_limit` passages is searched exactly. A larger one has inverted lists of
    its own, of which `n_probe` are searched.
    """

    def __init__(
        self, folder: Path, encoder: Encoder, settings: DenseSettings, *, without: str | None = None
    ) -> None:
        self._encoder = encoder
        self._settings = settings
        super().__init__(folder, without=without)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        encoder: Encoder,
        settings: DenseSettings | None = None,
        *,
        without: str | None = None,
    ) -> Self:
        """Open an index in parts with the encoder that built it.

        It is opened to be searched, or to replace the part that is left out.

        Raises:
            EvidenceIndexError: The folder is not an index.
            IndexMismatchError: Its version or the weights that built it differ.
            CorruptIndexError: A part is damaged or missing; the error names it.
            MissingDependencyError: faiss is not installed.
        """
        return cls(Path(folder), encoder, settings or DenseSettings(), without=without)

    @classmethod
    def verify(cls, folder: str | Path) -> int:
        """Check all bytes of an index, and return the number of its passages.

        Raises:
            CorruptIndexError: A file is damaged or missing; the error names the part.
        """
        return verify_parts(Path(folder))

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return the k nearest passages for every query, best first, with cosine similarities.

        Equal similarities keep the order of the parts. Queries are encoded once.

        Raises:
            EvidenceIndexError: k is below 1.
        """
        if k < 1:
            raise EvidenceIndexError(f"expected k of at least 1, got {k}")
        if not queries or not self._parts:
            return [[] for _ in queries]
        wanted = np.ascontiguousarray(self._encoder.encode(list(queries), kind="query"))
        found = self._steadily(lambda: self._search_parts(wanted, k))
        return [
            list(islice(merge(*of_query, key=lambda passage: -(passage.score or 0.0)), k))
            for of_query in zip(*found, strict=True)
        ]

    def _search_parts(self, wanted: NDArray[np.float32], k: int) -> list[list[list[Passage]]]:
        """Return what each part finds."""
        parts = list(self._parts.values())
        # faiss releases the GIL while it searches.
        with ThreadPoolExecutor(min(n_cores(), len(parts))) as pool:
            return list(pool.map(lambda part: part.search_vectors(wanted, k), parts))

    def _read(self, manifest: Manifest) -> None:
        check_parts(self.folder, manifest)
        parts: dict[str, DenseIndex] = {}
        for part in manifest.parts:
            with naming_part(self.folder, part):
                parts[part.name] = DenseIndex.open(
                    self.folder / part.folder, self._encoder, self._settings
                )
        self._parts = parts

    def _build(self, folder: Path, passages: Iterable[Passage]) -> None:
        require_recorded_precision(self._encoder, self.manifest, self.folder)
        recorded = self.manifest.encoder
        DenseIndex.build(
            folder,
            passages,
            self._encoder,
            self._settings,
            chunking=self.manifest.chunking,
            precision=recorded.precision if recorded else None,
        )

    def _rewrite(self, part: Path, folder: Path, gone: Sequence[str]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(part, folder, ignore=_passing_files)
        copy = DenseIndex.open(folder, self._encoder, self._settings)
        copy.delete(gone)
        if not len(copy):
            shutil.rmtree(folder)

    def _holding(self, id_: str, *, passage: bool = False) -> list[str]:
        return [
            name
            for name, part in self._parts.items()
            if (part.holds_passage(id_) if passage else part.ids_of(id_))
        ]


def _passing_files(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if is_passing(Path(folder) / name)]
