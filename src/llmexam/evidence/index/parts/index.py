"""Base of indexes in parts: what is added, replaced or deleted, and the manifest that names it.

A part is never changed in place. A changed part is written to a new folder, and the manifest is
replaced when all new folders are complete, so a reader sees the index before or after the change.
Old folders are deleted then.
"""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from llmexam.errors import EvidenceIndexError, nearest
from llmexam.evidence.index.files import held_for_writing
from llmexam.evidence.index.manifest import Manifest, PartRecord, Source, read_manifest
from llmexam.evidence.index.parts.checking import TRIES, naming_part, read_steadily
from llmexam.evidence.index.parts.part import part_name, record_of
from llmexam.evidence.index.passage_store import document_of
from llmexam.exam.question import Passage

_PART_FOLDER = re.compile(r"\.?part-\d{5}(\.\d+)?(\.building|\.old)?")

T = TypeVar("T")


class PartedIndex(ABC):
    """An index in parts.

    Args:
        folder: Where it is.
        without: Name of a part that is not read, because it is damaged and shall be replaced.

    Attributes:
        folder: Where it is.
        manifest: What it holds.
    """

    def __init__(self, folder: Path, *, without: str | None = None) -> None:
        self.folder = folder
        self._left_out = without
        self.manifest: Manifest = read_steadily(folder, self._read_most)

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return at most k passages for every query, best first, with scores."""

    def add(self, passages: Iterable[Passage], *, sources: Sequence[Source] = ()) -> int:
        """Add passages as a new part, and return how many; documents that exist are replaced.

        The index changes in one step at the end: after a failure or a kill it is as before.
        """
        with self._changing():
            numbers = [int(part.name.rpartition("-")[2]) for part in self.manifest.parts]
            name = part_name(max(numbers) + 1)
            parts = self._with_new(PartRecord(name=name, n_passages=0, content_hash=""), passages)
            added = parts[-1]
            self._commit(parts, sources)
        return added.n_passages

    def replace_part(
        self, name: str, passages: Iterable[Passage], *, sources: Sequence[Source] = ()
    ) -> int:
        """Replace all passages of a part, and return how many there are now.

        The part keeps its place. Documents of other parts with the same ids are deleted.

        Args:
            name: The part, such as `part-00003`.
            passages: Its new passages.
            sources: Corpus files of the passages, for the manifest.

        Raises:
            EvidenceIndexError: There is no such part, or no passages.
        """
        with self._changing():
            parts = self._with_new(self._part(name), passages)
            self._commit(parts, sources)
        return next(part.n_passages for part in parts if part.name == name)

    def remove_part(self, name: str) -> int:
        """Delete a part with its passages, and return how many there were.

        Raises:
            EvidenceIndexError: There is no such part, or it is the only one.
        """
        with self._changing():
            gone = self._part(name)
            self._commit([part for part in self.manifest.parts if part.name != name])
        return gone.n_passages

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents or passages by id; return the number of deleted passages.

        A document takes precedence over a passage of another document with the same id, as in an
        index that is not in parts. The parts that hold them are written anew without them.
        """
        with self._changing():
            # Counted under the lock, after the changes of other processes have been read.
            n_before = len(self)
            gone: dict[str, list[str]] = {}
            for id_ in ids:
                holding = self._holding(id_)
                for name in holding or self._holding(id_, passage=True):
                    gone.setdefault(name, []).append(id_)
            if not gone:
                return 0
            self._commit(self._without(self.manifest.parts, gone))
            return n_before - len(self)

    def _steadily(self, reading: Callable[[], T]) -> T:
        """Return what `reading` returns from the opened parts.

        Where another process has replaced or removed parts and deleted their folders, the parts
        that the manifest now names are opened and read.

        Raises:
            EvidenceIndexError: The parts cannot be read though the manifest has not changed.
        """
        for _ in range(TRIES):
            try:
                return reading()
            except (EvidenceIndexError, OSError):
                if read_manifest(self.folder) == self.manifest:
                    raise
            self._read_again()
        return reading()

    def _read_again(self) -> None:
        """Open the parts that the manifest on disk names now."""
        self.manifest = read_steadily(self.folder, self._read_most)

    def _read_most(self, manifest: Manifest) -> Manifest:
        """Open the parts of a manifest without the one that is left out, and return it."""
        if not manifest.parts:
            raise EvidenceIndexError(
                "the index is not in parts", file=self.folder, hint="Open it with `open_index`"
            )
        parts = tuple(part for part in manifest.parts if part.name != self._left_out)
        self._read(manifest.model_copy(update={"parts": parts}))
        return manifest

    @abstractmethod
    def _read(self, manifest: Manifest) -> None:
        """Open the parts of a manifest."""

    @abstractmethod
    def _build(self, folder: Path, passages: Iterable[Passage]) -> None:
        """Build a part in a folder."""

    @abstractmethod
    def _rewrite(self, part: Path, folder: Path, gone: Sequence[str]) -> None:
        """Write a part to another folder, without some documents and passages."""

    @abstractmethod
    def _holding(self, id_: str, *, passage: bool = False) -> list[str]:
        """Return the names of the parts with a document, or with a passage, of an id."""

    def _part(self, name: str) -> PartRecord:
        names = [part.name for part in self.manifest.parts]
        if name not in names:
            raise EvidenceIndexError(
                f"the index has no part '{name}'", file=self.folder, hint=nearest(name, names)
            )
        return self.manifest.parts[names.index(name)]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Lock the index, and read what other processes have changed."""
        with held_for_writing(self.folder):
            if read_manifest(self.folder) != self.manifest:
                self._read_again()
            self._delete_unnamed()
            try:
                yield
            except BaseException:
                self._delete_unnamed()
                raise

    def _with_new(self, part: PartRecord, passages: Iterable[Passage]) -> list[PartRecord]:
        """Build a part, and return all parts; documents in it are deleted from the others."""
        version = _next_version(part) if part in self.manifest.parts else 0
        new = part.model_copy(update={"version": version})
        gone: dict[str, list[str]] = {}

        def watched() -> Iterator[Passage]:
            document = None
            for passage in passages:
                belongs_to = self._document(passage)
                if belongs_to != document:
                    document = belongs_to
                    for name in self._holding(document):
                        if name != part.name:
                            gone.setdefault(name, []).append(document)
                yield passage

        self._build(self.folder / new.folder, watched())
        new = record_of(self.folder / new.folder, new.name, new.version)
        parts = [new if one.name == new.name else one for one in self.manifest.parts]
        if new not in parts:
            parts.append(new)
        return self._without(parts, gone)

    def _document(self, passage: Passage) -> str:
        return passage.id if self.manifest.chunking is None else document_of(passage.id)

    def _without(self, parts: Sequence[PartRecord], gone: dict[str, list[str]]) -> list[PartRecord]:
        """Return the parts without some documents and passages; parts without any are left out."""
        kept = []
        for part in parts:
            if part.name in gone:
                with naming_part(self.folder, part):
                    changed = part.model_copy(update={"version": _next_version(part)})
                    place = self.folder / changed.folder
                    self._rewrite(self.folder / part.folder, place, gone[part.name])
                if not place.exists():
                    continue
                part = record_of(place, changed.name, changed.version)
            kept.append(part)
        return kept

    def _commit(self, parts: Sequence[PartRecord], sources: Sequence[Source] = ()) -> None:
        if not parts:
            raise EvidenceIndexError(
                "no passage would be left in the index",
                file=self.folder,
                hint="Delete the folder of the index instead",
            )
        changed = self.manifest.in_parts(parts, sources)
        try:
            # Parts that cannot be opened together are refused before the index names them.
            self._read(changed)
            changed.write(self.folder)
        except BaseException:
            with suppress(EvidenceIndexError, OSError):
                self._read_again()
            raise
        self._left_out = None
        self.manifest = changed
        self._delete_unnamed()

    def _delete_unnamed(self) -> None:
        """Delete folders of parts that the manifest does not name: replaced or unfinished ones."""
        named = {part.folder for part in read_manifest(self.folder).parts}
        for path in self.folder.iterdir():
            if _PART_FOLDER.fullmatch(path.name) and path.name not in named:
                shutil.rmtree(path, ignore_errors=True)


def _next_version(part: PartRecord) -> int:
    return part.version + 1
