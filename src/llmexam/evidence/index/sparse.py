"""A BM25 index on disk, based on tantivy: streamed builds, additions and atomic replacement."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import tantivy
from pydantic import Field

from llmexam.errors import EvidenceIndexError
from llmexam.evidence.index.analysis import (
    ANALYSIS,
    ANALYSIS_BEFORE_SCRIPTS,
    SearchSettings,
    analysable,
    build_analyzer,
    choose_terms,
    worth_per_occurrence,
)
from llmexam.evidence.index.checksums import write_checksums
from llmexam.evidence.index.documents import (
    make_schema,
    order_segments,
    to_document,
    to_fields,
)
from llmexam.evidence.index.files import index_hash
from llmexam.evidence.index.manifest import Manifest, Source, check_manifest, read_manifest
from llmexam.evidence.index.passage_store import document_of
from llmexam.evidence.index.passages_hash import PassagesHash
from llmexam.evidence.index.recovery import open_replaceable
from llmexam.evidence.index.replacement import built_folder
from llmexam.evidence.index.sparse_files import DATA, as_corrupt, check_files
from llmexam.evidence.index.tantivy_files import ANALYZER, linked_elsewhere, open_data
from llmexam.evidence.index.writer import IndexWriter, writing
from llmexam.exam.question import Passage
from llmexam.exam.segmentation import is_undivided
from llmexam.machine import n_cores
from llmexam.settings.base import Settings

_LOG = logging.getLogger(__name__)

# Share of passages without separate words from which on there is a warning.
_WARN_UNDIVIDED = 0.05

_Address = tuple[int, int]
_Hits = list[tuple[float, _Address]]


class SparseSettings(Settings):
    """Settings of the writer of a sparse index."""

    heap_mb: int = Field(default=96, ge=15, description="memory of the index writer, in MB")


class SparseIndex:
    """BM25 over passages (k1 = 1.2, b = 0.75, tantivy's constants), title and text as one field.

    Create one with `build` or `open`. Searching is thread-safe; only one process at a time may
    write.

    Attributes:
        folder: Where it is.
        manifest: What it was built from.
    """

    def __init__(self, folder: Path, manifest: Manifest, index: tantivy.Index) -> None:
        self.folder = folder
        self.manifest = manifest
        self._index = index
        self._schema = index.schema
        self._queries = build_analyzer(stop_words=True)
        # Before scripts without spaces were cut, one field was indexed and stored.
        self._is_cut = manifest.analysis != dict(ANALYSIS_BEFORE_SCRIPTS)
        self._refresh()

    def __len__(self) -> int:
        return self._n_passages

    @classmethod
    def build(
        cls,
        folder: str | Path,
        passages: Iterable[Passage],
        settings: SparseSettings | None = None,
        *,
        chunking: dict[str, int] | None = None,
        sources: Sequence[Source] = (),
    ) -> Self:
        """Build an index in a temporary folder and move it into place when it is complete.

        An existing index stays usable until it is replaced at the end.

        Args:
            folder: Folder of the index.
            passages: Read once, in a stream; ids should be unique.
            settings: Memory and commits.
            chunking: Chunk size and overlap, for the manifest.
            sources: Corpus files, for the manifest.

        Raises:
            EvidenceIndexError: There are no passages, the folder holds files that are not of an
                index, or another process is writing to it.
        """
        settings = settings or SparseSettings()
        with built_folder(folder) as temporary:
            data = temporary / DATA
            data.mkdir()
            index = tantivy.Index(make_schema(), path=str(data))
            index.register_tokenizer(ANALYZER, build_analyzer(stop_words=False))
            with writing(index, data, heap_mb=settings.heap_mb) as writer:
                n_passages = n_undivided = 0
                hashed = PassagesHash()
                for passage in hashed.read(passages):
                    writer.add(to_document(passage, is_cut=True))
                    n_passages += 1
                    n_undivided += is_undivided(passage.text)
                if n_passages == 0:
                    raise EvidenceIndexError("there are no passages to index", file=folder)
                writer.finish()
            order_segments(data)
            if n_undivided > _WARN_UNDIVIDED * n_passages:
                _LOG.warning(
                    "%d of %d passages have no spaces between words, in a script that cannot be "
                    "segmented, and will rarely be found. Put spaces between the words",
                    n_undivided,
                    n_passages,
                )
            Manifest(
                kind="sparse",
                analysis=dict(ANALYSIS),
                chunking=chunking,
                sources=tuple(sources),
                n_passages=n_passages,
                passages_hash=hashed.hexdigest(),
            ).write(temporary)
            write_checksums(temporary)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open an index to search it.

        Raises:
            EvidenceIndexError: The folder is not an index.
            IndexMismatchError: Its kind, version or text analysis differs.
            CorruptIndexError: Its files are damaged or missing.
        """
        path = Path(folder)
        return open_replaceable(path, lambda: cls._open(path))

    @classmethod
    def _open(cls, path: Path) -> Self:
        manifest = read_manifest(path)
        expected = {"kind": "sparse", "analysis": dict(ANALYSIS)}
        if manifest.analysis == dict(ANALYSIS_BEFORE_SCRIPTS):
            expected["analysis"] = manifest.analysis
        check_manifest(manifest, expected, path)
        check_files(path)
        if not manifest.passages_hash and manifest.format > 1:
            _LOG.warning(
                "%s: adding to this index was interrupted, and it may hold only a part; %s",
                path,
                "add the same files once more, or build it again",
            )
        with as_corrupt(path):
            try:
                return cls(path, manifest, open_data(path / DATA))
            except ValueError as error:
                if "Lockfile" not in str(error):
                    raise
                # Every reader of tantivy takes a lock in the folder: not in a read-only one.
                with linked_elsewhere(path / DATA) as data:
                    return cls(path, manifest, open_data(data))

    def add(
        self,
        passages: Iterable[Passage],
        settings: SparseSettings | None = None,
        *,
        sources: Sequence[Source] = (),
    ) -> int:
        """Add passages and return how many; documents that exist already are replaced.

        The index changes in one step at the end: after a failure or a kill it is as before.
        """
        n_added = 0
        document = None
        with self._changing(settings or SparseSettings(), sources) as (writer, hashed):
            for passage in hashed.read(passages):
                belongs_to = passage.id if self._is_whole else document_of(passage.id)
                if belongs_to != document:
                    document = belongs_to
                    self._delete_document(writer, document)
                writer.add(to_document(passage, is_cut=self._is_cut))
                n_added += 1
        return n_added

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents or passages by id; return the number of deleted passages.

        A document takes precedence over a passage of another document with the same id: `a#0`
        can be a document, and also the first passage of document `a`.
        """
        n_before = len(self)
        with self._changing(SparseSettings(), ()) as (writer, hashed):
            for id_ in hashed.delete(ids):
                if not self._delete_document(writer, id_):
                    writer.delete("id", id_)
        return n_before - len(self)

    @classmethod
    def verify(cls, folder: str | Path) -> int:
        """Check all bytes of an index, and return the number of its passages.

        Raises:
            EvidenceIndexError: The folder is not an index, or it cannot be used.
            CorruptIndexError: A file is damaged or missing.
        """
        path = Path(folder)
        open_replaceable(path, lambda: check_files(path, whole=True))
        return len(cls.open(path))

    def search(
        self, queries: Sequence[str], k: int, settings: SearchSettings | None = None
    ) -> list[list[Passage]]:
        """Return the k best passages for every query, best first, with BM25 scores.

        Passages that share no term with the query are not returned, so a list may be shorter
        than k. Equal scores keep the order of indexing. Repeated queries are searched once.

        Raises:
            EvidenceIndexError: k is below 1.
            CorruptIndexError: The files are damaged.
        """
        if k < 1:
            raise EvidenceIndexError(f"expected k of at least 1, got {k}")
        settings = settings or SearchSettings()
        # tantivy allocates a heap of k entries, however few passages there are.
        k = min(k, max(1, len(self)))
        distinct = list(dict.fromkeys(queries))
        threads = settings.threads or n_cores()
        with as_corrupt(self.folder):
            parsed = [self._query(query, settings) for query in distinct]
            # More parts than threads, dealt out in turn: queries differ much in cost.
            n_parts = 8 * threads if threads > 1 else 1
            parts = [parsed[start::n_parts] for start in range(min(n_parts, len(parsed)))]
            # tantivy releases the GIL while it searches, so threads run in parallel.
            if len(parts) > 1:
                with ThreadPoolExecutor(min(threads, len(parts))) as pool:
                    answers = list(pool.map(self._search_some, parts, [k] * len(parts)))
            else:
                answers = [self._search_some(part, k) for part in parts]
            found = [answers[place % n_parts][place // n_parts] for place in range(len(parsed))]
            texts = self._passages({address for hits in found for _, address in hits})
        answer = {
            query: [Passage(*texts[address], score) for score, address in hits]
            for query, hits in zip(distinct, found, strict=True)
        }
        return [list(answer[query]) for query in queries]

    def _query(self, query: str, settings: SearchSettings) -> tantivy.Query:
        text = analysable(query, is_query=True) if self._is_cut else query
        terms = choose_terms(self._queries.analyze(text), self._look_up, len(self), settings)
        clauses = []
        for term, n in terms:
            part = self._terms[term]
            if n > 1:
                # BM25 multiplies a term's score by its frequency in the query.
                part = tantivy.Query.boost_query(part, float(n))
            clauses.append((tantivy.Occur.Should, part))
        return tantivy.Query.boolean_query(clauses)

    def _search_some(self, queries: Sequence[tantivy.Query], k: int) -> list[_Hits]:
        return [
            [
                (score, (address.segment_ord, address.doc))
                for score, address in self._searcher.search(query, k, count=False).hits
            ]
            for query in queries
        ]

    def _look_up(self, term: str) -> tuple[int, float]:
        cached = self._statistics.get(term)
        if cached is None:
            frequency = self._searcher.doc_freq("passage", term)
            worth = worth_per_occurrence(frequency, len(self)) if frequency else 0.0
            # First the query: another thread may find the statistics at once, and need both.
            self._terms[term] = tantivy.Query.term_query(self._schema, "passage", term, "freq")
            cached = self._statistics[term] = (frequency, worth)
        return cached

    def _passages(self, addresses: Iterable[_Address]) -> dict[_Address, tuple[str, str, str]]:
        # Read in file order: neighbouring passages share a compressed block.
        texts = {}
        for segment, number in sorted(addresses):
            stored = self._searcher.doc(tantivy.DocAddress(segment, number))
            texts[segment, number] = to_fields(stored, is_cut=self._is_cut)
        return texts

    def ids_of(self, document: str) -> list[str]:
        """Return the ids of the passages of a document; none if it is not in the index."""
        ids = [document] if self.holds_passage(document) else []
        if not self._is_whole:
            # `a#0` may be the first passage of document `a`, or a document of that id.
            ids = [id_ for id_ in ids if document_of(id_) == document]
            cut = self._searcher.terms_with_prefix("id", f"{document}#")
            ids += [term for term, _ in cut if document_of(term) == document]
        return ids

    def holds_passage(self, id_: str) -> bool:
        """Return whether there is a passage of this id."""
        return bool(self._searcher.doc_freq("id", id_))

    def stored_passages(self) -> Iterator[Passage]:
        """Yield the passages of an index that nothing was deleted from, in order of indexing."""
        meta = json.loads((self.folder / DATA / "meta.json").read_bytes())
        with as_corrupt(self.folder):
            for segment, found in enumerate(meta["segments"]):
                for number in range(found["max_doc"]):
                    stored = self._searcher.doc(tantivy.DocAddress(segment, number))
                    yield Passage(*to_fields(stored, is_cut=self._is_cut))

    def _delete_document(self, writer: IndexWriter, document: str) -> bool:
        """Delete all passages of a document; return whether there were any."""
        ids = self.ids_of(document)
        for id_ in ids:
            writer.delete("id", id_)
        return bool(ids)

    @property
    def _is_whole(self) -> bool:
        """Whether documents are not chunked: then `a#1` and `a#2` are two documents."""
        return self.manifest.chunking is None

    @contextmanager
    def _changing(
        self, settings: SparseSettings, sources: Sequence[Source]
    ) -> Iterator[tuple[IndexWriter, PassagesHash]]:
        """Lock the index, yield a writer and a hash for a copy, and put the copy in its place."""
        before = self.manifest, self._index
        try:
            with built_folder(self.folder, from_present=True) as copy:
                # Another process may have changed the index since it was opened.
                self.manifest = read_manifest(copy)
                hashed = PassagesHash(index_hash(copy))
                with as_corrupt(self.folder):
                    self._index = open_data(copy / DATA)
                self._refresh()
                with writing(self._index, copy / DATA, heap_mb=settings.heap_mb) as writer:
                    yield writer, hashed
                    writer.finish()
                self._refresh()
                self.manifest = self.manifest.changed(len(self), sources, hashed.hexdigest())
                self.manifest.write(copy)
                write_checksums(copy)
        except BaseException:
            self.manifest, self._index = before
            self._refresh()
            raise
        with as_corrupt(self.folder):
            self._index = open_data(self.folder / DATA)
            self._refresh()

    def _refresh(self) -> None:
        self._index.reload()
        self._searcher = self._index.searcher()
        self._n_passages = int(self._searcher.num_docs)
        self._statistics: dict[str, tuple[int, float]] = {}
        self._terms: dict[str, tantivy.Query] = {}
