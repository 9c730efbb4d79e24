"""Build, extend and shrink indexes from corpus files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import CorpusError, IndexMismatchError, SettingsError
from llmexam.evidence.chunking import (
    ChunkSettings,
    DuplicateCount,
    chunk_documents,
    drop_duplicates,
)
from llmexam.evidence.corpus import CorpusCounts, CorpusSettings, corpus_files, read_corpus
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.manifest import Manifest, Source, read_manifest
from llmexam.evidence.index.opening import create_index, open_index, verify_index
from llmexam.exam.question import Passage
from llmexam.sample import corpus_path
from llmexam.storage.hashing import hash_file

__all__ = ["verify_index"]

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


def build_index(
    corpora: Corpora | str | Path | CorpusSettings,
    out: str | Path,
    *,
    kind: str = "sparse",
    chunking: ChunkSettings | None = ChunkSettings(),  # noqa: B008 - frozen
    deduplicate: bool = True,
    model: str | None = None,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> IndexSummary:
    """Build an index of one or more corpora; an existing index is replaced.

    Args:
        corpora: Corpus files or folders, `bundled` for the sample corpus, or settings for them.
        out: Folder of the index; it appears when the index is whole.
        kind: `sparse` (BM25) or `dense` (vectors of a bi-encoder).
        chunking: How documents are cut into passages; None keeps them whole.
        deduplicate: Whether to drop duplicate passages.
        model: Name or folder of the bi-encoder (dense only); None is the bundled one.
        encoder: The bi-encoder itself, instead of `model`.
        progress: Called now and then with the number of passages so far.

    Raises:
        CorpusError: A corpus cannot be read.
        EvidenceIndexError: The folder cannot take the index.
        MissingDependencyError: A dense index, and the extra `encoders` is not installed.
    """
    reading = _Reading(corpora, chunking, deduplicate, progress)
    index = create_index(
        kind,
        out,
        reading.passages(),
        encoder=encoder,
        model=model,
        chunking=reading.plain_chunking,
        sources=reading.sources,
    )
    return reading.summary(out, index.manifest, len(index))


def add_to_index(
    corpora: Corpora | str | Path | CorpusSettings,
    folder: str | Path,
    *,
    chunking: ChunkSettings | None = None,
    deduplicate: bool = True,
    model: str | None = None,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> IndexSummary:
    """Add corpora to an index; documents with the same id are replaced.

    Duplicates are detected among the added passages only, not against those in the index.

    Args:
        corpora: Corpus files or folders, or settings for them.
        folder: The index.
        chunking: Chunking of the index; None uses it, and any other value must equal it.
        deduplicate: Whether to drop duplicate passages.
        model: Bi-encoder of a dense index that was built with a Hugging Face model.
        encoder: The loaded bi-encoder; None loads the one that the index names.
        progress: Called now and then with the number of passages so far.

    Raises:
        CorpusError: A corpus cannot be read.
        EvidenceIndexError: The index cannot be used, or another process writes into it.
    """
    manifest = read_manifest(folder)
    if chunking is None and manifest.chunking is not None:
        chunking = ChunkSettings.parse(manifest.chunking, subject="the index's chunking")
    elif chunking is not None and chunking.model_dump() != manifest.chunking:
        # The manifest records one chunking for all passages of an index.
        raise IndexMismatchError(
            f"expected an index with chunking {chunking.model_dump()}, got {manifest.chunking}",
            file=folder,
            field="chunking",
            hint="Leave out the chunking to use that of the index",
        )
    reading = _Reading(corpora, chunking, deduplicate, progress)
    index = open_index(folder, encoder=encoder, model=model)
    index.add(reading.passages(), sources=reading.sources)
    return reading.summary(folder, index.manifest, len(index))


def delete_from_index(folder: str | Path, ids: Iterable[str], *, model: str | None = None) -> int:
    """Delete passages or whole documents by id; return the number of deleted passages.

    Unknown ids delete nothing. `model` is that of `add_to_index`.

    Raises:
        EvidenceIndexError: The index cannot be used, or another process writes into it.
    """
    return open_index(folder, model=model).delete(ids)


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


def corpus_settings(
    paths: Iterable[str | Path], *, format: str = "auto", fields: Mapping[str, str] | None = None
) -> list[CorpusSettings]:
    """Return settings that read every path in the same way; `bundled` is the sample corpus.

    Raises:
        SettingsError: The format or a field is unknown.
    """
    return [
        CorpusSettings.parse(
            {
                "path": corpus_path(path),
                "format": format,
                "fields": dict(fields or {}),
            },
            subject=f"corpus '{path}'",
        )
        for path in paths
    ]


def chunk_settings(tokens: int, overlap: int) -> ChunkSettings:
    """Return chunk settings from two numbers.

    Raises:
        SettingsError: They are too small, or the overlap is not smaller than the size.
    """
    return ChunkSettings.parse({"tokens": tokens, "overlap": overlap}, subject="the chunking")


def read_ids(path: str | Path) -> list[str]:
    """Return the ids in a file, one per line; blank lines are skipped.

    Raises:
        CorpusError: It is not text, or holds no id.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise CorpusError("expected UTF-8 text", file=path) from None
    ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise CorpusError("the file contains no ids", file=path)
    return ids


class _Reading:
    """A stream of passages that counts documents, duplicates and passages."""

    def __init__(
        self,
        corpora: Corpora | str | Path | CorpusSettings,
        chunking: ChunkSettings | None,
        deduplicate: bool,
        progress: Progress | None,
    ) -> None:
        if isinstance(corpora, CorpusSettings | str | Path):
            corpora = [corpora]
        self._corpora = [
            one if isinstance(one, CorpusSettings) else CorpusSettings(path=corpus_path(one))
            for one in corpora
        ]
        if not self._corpora:
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
        return None if self._chunking is None else self._chunking.model_dump()

    @property
    def sources(self) -> Sequence[Source]:
        return corpus_sources(self._corpora)

    def passages(self) -> Iterator[Passage]:
        passages = read_corpus(self._corpora, counts=self._counts)
        if self._chunking is not None:
            passages = chunk_documents(passages, self._chunking)
        if self._deduplicate:
            passages = drop_duplicates(passages, count=self._duplicates)
        for passage in passages:
            yield passage
            self._n_written += 1
            if self._progress is not None and self._n_written % 1000 == 0:
                self._progress(self._n_written)

    def summary(self, folder: str | Path, manifest: Manifest, n_passages: int) -> IndexSummary:
        if self._progress is not None:
            self._progress(self._n_written)
        return IndexSummary(
            folder=str(folder),
            kind=manifest.kind,
            n_documents=self._counts.n_documents,
            n_blank=self._counts.n_blank,
            n_duplicates=self._duplicates.n_duplicates,
            n_written=self._n_written,
            n_passages=n_passages,
            seconds=time.perf_counter() - self._start,
            content_hash=manifest.content_hash,
        )
