"""A BM25 index in parts: scores and rankings equal those of one index of the same passages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from llmexam.evidence.index.analysis import SearchSettings
from llmexam.evidence.index.manifest import Manifest
from llmexam.evidence.index.parts.checking import check_parts, naming_part, verify_parts
from llmexam.evidence.index.parts.index import PartedIndex
from llmexam.evidence.index.parts.view import joined_data
from llmexam.evidence.index.sparse import SparseIndex
from llmexam.evidence.index.sparse_files import DATA, as_corrupt, check_files
from llmexam.evidence.index.tantivy_files import open_data
from llmexam.exam.question import Passage


class SparseParts(PartedIndex):
    """BM25 over the passages of all parts.

    All parts are searched as one tantivy index (see `joined_data`), so the number of passages,
    their average length and document frequencies are those of all parts. Equal scores keep the
    order of the parts, and within a part that of indexing.
    """

    @classmethod
    def open(cls, folder: str | Path, *, without: str | None = None) -> Self:
        """Open an index in parts to search it, or to replace the part that is left out.

        Raises:
            EvidenceIndexError: The folder is not an index.
            IndexMismatchError: Its version or text analysis differs.
            CorruptIndexError: A part is damaged or missing; the error names it.
        """
        return cls(Path(folder), without=without)

    @classmethod
    def verify(cls, folder: str | Path) -> int:
        """Check all bytes of an index, and return the number of its passages.

        Raises:
            CorruptIndexError: A file is damaged or missing; the error names the part.
        """
        return verify_parts(Path(folder))

    def __len__(self) -> int:
        return len(self._joined) if self._joined else 0

    def search(
        self, queries: Sequence[str], k: int, settings: SearchSettings | None = None
    ) -> list[list[Passage]]:
        """Return the k best passages for every query, as `SparseIndex.search` does.

        Raises:
            EvidenceIndexError: k is below 1.
            CorruptIndexError: The files are damaged.
        """
        return self._joined.search(queries, k, settings) if self._joined else [[] for _ in queries]

    def _read(self, manifest: Manifest) -> None:
        check_parts(self.folder, manifest)
        folders = [self.folder / part.folder for part in manifest.parts]
        for part, folder in zip(manifest.parts, folders, strict=True):
            with naming_part(self.folder, part):
                check_files(folder, n_parts=len(folders))
        self._joined: SparseIndex | None = None
        if folders:
            with (
                as_corrupt(self.folder),
                joined_data([folder / DATA for folder in folders]) as data,
            ):
                self._joined = SparseIndex(self.folder, manifest, open_data(data))
        self._parts = {part.name: part.folder for part in manifest.parts}
        self._opened: dict[str, SparseIndex] = {}

    def _build(self, folder: Path, passages: Iterable[Passage]) -> None:
        SparseIndex.build(folder, passages, chunking=self.manifest.chunking)

    def _rewrite(self, part: Path, folder: Path, gone: Sequence[str]) -> None:
        index = SparseIndex.open(part)
        ids = {id_ for one in gone for id_ in index.ids_of(one) or [one]}
        if index.manifest.n_passages == sum(index.holds_passage(id_) for id_ in ids):
            return
        # tantivy counts deleted passages in its statistics until it merges their segment, so the
        # part is built again.
        kept = (passage for passage in index.stored_passages() if passage.id not in ids)
        self._build(folder, kept)

    def _holding(self, id_: str, *, passage: bool = False) -> list[str]:
        def holds(index: SparseIndex) -> bool:
            return index.holds_passage(id_) if passage else bool(index.ids_of(id_))

        # Most ids are in no part, which one look into all parts tells.
        if self._joined is None or not holds(self._joined):
            return []
        return [name for name, folder in self._parts.items() if holds(self._single(folder))]

    def _single(self, folder: str) -> SparseIndex:
        """Return one part, opened once."""
        if folder not in self._opened:
            self._opened[folder] = SparseIndex.open(self.folder / folder)
        return self._opened[folder]
