"""Read corpora as a stream of passages, and count what was read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import SettingsError
from llmexam.evidence.chunking import (
    ChunkSettings,
    DuplicateCount,
    chunk_documents,
    drop_duplicates,
)
from llmexam.evidence.corpus import CorpusCounts, CorpusSettings, corpus_files, read_corpus
from llmexam.evidence.index.manifest import Manifest, Source
from llmexam.exam.question import Passage
from llmexam.sample import corpus_path
from llmexam.settings.walk import dump_key
from llmexam.stages.code import code_hash
from llmexam.storage.hashing import hash_file

Corpora = Iterable[CorpusSettings | str | Path]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """Result of building or extending an index.

    Attributes:
        folder: The index.
        kind: Name of the kind of index.
        n_documents: Documents read, blank ones aside.
        n_blank: Rows skipped because their text is blank.
        n_duplicates: Passages dropped because their text had come before.
        n_written: Passages written.
        n_passages: Passages the index holds now.
        seconds: Time it took.
        content_hash: Hash of the index's manifest.
        n_parts: Parts of an index in parts; 0 for any other.
        n_resumed: Parts of them that an earlier, interrupted build had finished.
        precision: Why a probe chose the precision of the vectors; empty without a probe.
    """

    folder: str
    kind: str
    n_documents: int
    n_blank: int
    n_duplicates: int
    n_written: int
    n_passages: int
    seconds: float
    content_hash: str
    n_parts: int = 0
    n_resumed: int = 0
    precision: str = ""


def corpus_sources(corpora: Iterable[CorpusSettings]) -> list[Source]:
    """Return name and hash of every file of the corpora, in reading order.

    The name of a file in a folder is its path from there, which is part of its documents' ids.

    Raises:
        CorpusError: A file or folder is not there.
    """
    return [
        Source(name=label if settings.path.is_dir() else path.name, sha256=hash_file(path))
        for settings in corpora
        for path, label in corpus_files(settings)
    ]


class Reading:
    """A stream of passages that counts documents, duplicates and passages.

    Args:
        corpora: Corpus files or folders, or settings for them.
        chunking: How documents are cut into passages; None keeps them whole.
        deduplicate: Whether to drop duplicate passages.
        progress: Called now and then with the number of passages so far.
    """

    def __init__(
        self,
        corpora: Corpora | str | Path | CorpusSettings,
        chunking: ChunkSettings | None,
        deduplicate: bool,
        progress: Progress | None,
    ) -> None:
        if isinstance(corpora, CorpusSettings | str | Path):
            corpora = [corpora]
        self.corpora = [
            one if isinstance(one, CorpusSettings) else CorpusSettings(path=corpus_path(one))
            for one in corpora
        ]
        if not self.corpora:
            raise SettingsError("no corpus is given", field="corpora")
        self._chunking = chunking
        self._deduplicate = deduplicate
        self._progress = progress
        self._counts = CorpusCounts()
        self._duplicates = DuplicateCount()
        self._n_written = 0
        self._start = time.perf_counter()

    @property
    def plain_chunking(self) -> dict[str, int] | None:
        """The chunking as plain values, for the manifest."""
        return None if self._chunking is None else self._chunking.model_dump()

    @property
    def sources(self) -> Sequence[Source]:
        """The corpus files with their hashes; they are read for it."""
        return corpus_sources(self.corpora)

    @property
    def key(self) -> dict[str, object]:
        """Everything that the passages depend on but the contents of the files."""
        return {
            "corpora": [dump_key(corpus, without=("path",)) for corpus in self.corpora],
            "chunking": self.plain_chunking,
            "deduplicate": self._deduplicate,
            "code": code_hash(__name__),
        }

    def passages(self) -> Iterator[Passage]:
        """Yield the passages."""
        passages = read_corpus(self.corpora, counts=self._counts)
        if self._chunking is not None:
            passages = chunk_documents(passages, self._chunking)
        if self._deduplicate:
            passages = drop_duplicates(passages, count=self._duplicates)
        for passage in passages:
            yield passage
            self._n_written += 1
            if self._progress is not None and self._n_written % 1000 == 0:
                self._progress(self._n_written)

    def counts(self) -> dict[str, int]:
        """Return what was counted so far, by the names of `IndexSummary`."""
        return {
            "n_documents": self._counts.n_documents,
            "n_blank": self._counts.n_blank,
            "n_duplicates": self._duplicates.n_duplicates,
            "n_written": self._n_written,
        }

    def summary(
        self,
        folder: str | Path,
        manifest: Manifest,
        n_passages: int,
        *,
        counts: Mapping[str, int] | None = None,
        n_resumed: int = 0,
        precision: str = "",
    ) -> IndexSummary:
        """Return what came of it.

        Args:
            folder: The index.
            manifest: Its manifest.
            n_passages: Passages it holds now.
            counts: What an earlier run counted; None is what this one did.
            n_resumed: Parts that an earlier run had finished.
            precision: Why a probe chose the precision of the vectors.
        """
        if self._progress is not None:
            self._progress(self._n_written)
        counts = self.counts() if counts is None else counts
        return IndexSummary(
            folder=str(folder),
            kind=manifest.kind,
            n_documents=counts["n_documents"],
            n_blank=counts["n_blank"],
            n_duplicates=counts["n_duplicates"],
            n_written=counts["n_written"],
            n_passages=n_passages,
            seconds=time.perf_counter() - self._start,
            content_hash=manifest.content_hash,
            n_parts=len(manifest.parts),
            n_resumed=n_resumed,
            precision=precision,
        )
