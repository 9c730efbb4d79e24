"""A BM25 index on disk, over tantivy: built in a stream, added to, and never half written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self

import tantivy
from pydantic import Field

from llmexam.errors import CorruptIndexError, EvidenceIndexError
from llmexam.evidence.index.analysis import (
    ANALYSIS,
    SearchSettings,
    build_analyzer,
    choose_terms,
    worth_per_occurrence,
)
from llmexam.evidence.index.files import (
    REBUILD,
    built_folder,
    damage,
    held_for_writing,
    index_hash,
)
from llmexam.evidence.index.manifest import Manifest, Source, check_manifest, read_manifest
from llmexam.evidence.index.passage_store import document_of
from llmexam.evidence.index.passages_hash import PassagesHash
from llmexam.evidence.index.writer import IndexWriter, writing
from llmexam.exam.question import Passage
from llmexam.machine import n_cores
from llmexam.settings.base import Settings

_ANALYZER = "llmexam_en"
_DATA = "tantivy"

_Address = tuple[int, int]
_Hits = list[tuple[float, _Address]]


class SparseSettings(Settings):
    """Settings of the writer of a sparse index."""

    heap_mb: int = Field(default=96, ge=15, description="memory of the index writer, in MB")
    commit_every: int = Field(
        default=100_000, ge=1, description="number of passages between two commits to disk"
    )


class SparseIndex:
    """BM25 over passages (k1 = 1.2, b = 0.75, tantivy's constants), title and text as one field.

    Make one with `build` or `open`. Searching is safe from several threads; one process at a
    time may write.

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
        """Build an index beside its place and move it there when it is whole.

        An index that is there already is replaced at the end; until then it stays as it is.

        Args:
            folder: Where the index shall be.
            passages: Read once, in a stream; ids should be unique.
            settings: Memory and commits.
            chunking: Chunk size and overlap, for the manifest.
            sources: Corpus files, for the manifest.

        Raises:
            EvidenceIndexError: There are no passages, the folder holds other things than an
                index, or another process is writing there.
        """
        settings = settings or SparseSettings()
        with built_folder(folder) as temporary:
            data = temporary / _DATA
            data.mkdir()
            index = tantivy.Index(_schema(), path=str(data))
            index.register_tokenizer(_ANALYZER, build_analyzer(stop_words=False))
            with writing(index, data, heap_mb=settings.heap_mb) as writer:
                n_passages = 0
                hashed = PassagesHash()
                for passage in hashed.read(passages):
                    writer.add(_document(passage))
                    n_passages += 1
                if n_passages == 0:
                    raise EvidenceIndexError("there are no passages to index", file=folder)
                writer.finish()
            Manifest(
                kind="sparse",
                analysis=dict(ANALYSIS),
                chunking=chunking,
                sources=tuple(sources),
                n_passages=n_passages,
                passages_hash=hashed.hexdigest(),
            ).write(temporary)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open an index to search it.

        Raises:
            EvidenceIndexError: The folder is no index.
            IndexMismatchError: It is of another kind, version or analysis.
            CorruptIndexError: Its files are damaged or missing.
        """
        path = Path(folder)
        manifest = read_manifest(path)
        check_manifest(manifest, {"kind": "sparse", "analysis": dict(ANALYSIS)}, path)
        problem = damage(path / _DATA)
        if problem is not None:
            raise problem
        with _as_corrupt(path):
            index = tantivy.Index.open(str(path / _DATA))
            index.register_tokenizer(_ANALYZER, build_analyzer(stop_words=False))
            return cls(path, manifest, index)

    def add(
        self,
        passages: Iterable[Passage],
        settings: SparseSettings | None = None,
        *,
        sources: Sequence[Source] = (),
    ) -> int:
        """Add passages and return how many; a document that is there already is replaced.

        Every `commit_every` passages are committed: if the process is killed, all up to the last
        commit are kept and the index stays usable.
        """
        settings = settings or SparseSettings()
        n_added = 0
        with self._changing(settings, sources) as (writer, hashed):
            stream = hashed.read(passages)
            document = None
            while batch := list(islice(stream, min(settings.commit_every, 1000))):
                for passage in batch:
                    belongs_to = passage.id if self._is_whole else document_of(passage.id)
                    if belongs_to != document:
                        document = belongs_to
                        self._delete_document(writer, document)
                    writer.add(_document(passage))
                n_added += len(batch)
                if n_added % settings.commit_every < len(batch):
                    writer.commit()
        return n_added

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents or passages by their id; return how many passages went.

        An id that names a document stands for that document only, even where another document
        has a passage of the same id: document `a#0`, and the first passage of document `a`.
        """
        n_before = len(self)
        with self._changing(SparseSettings(), ()) as (writer, hashed):
            for id_ in hashed.delete(ids):
                if not self._delete_document(writer, id_):
                    writer.delete("id", id_)
        return n_before - len(self)

    def search(
        self, queries: Sequence[str], k: int, settings: SearchSettings | None = None
    ) -> list[list[Passage]]:
        """Return the k best passages for every query, best first, each with its BM25 score.

        Passages that share no term with the query are not returned, so a list may be shorter
        than k. Equal scores keep the order of indexing. Repeated queries are searched once.

        Raises:
            EvidenceIndexError: k is below 1.
            CorruptIndexError: The files are damaged.
        """
        if k < 1:
            raise EvidenceIndexError(f"expected k of at least 1, got {k}")
        settings = settings or SearchSettings()
        # tantivy makes room for all it is asked for.
        k = min(k, max(1, len(self)))
        distinct = list(dict.fromkeys(queries))
        threads = settings.threads or n_cores()
        with _as_corrupt(self.folder):
            parsed = [self._query(query, settings) for query in distinct]
            n_parts = 8 * threads if threads > 1 else 1
            parts = [parsed[start::n_parts] for start in range(min(n_parts, len(parsed)))]
            # tantivy lets go of Python's lock while it searches.
            with ThreadPoolExecutor(threads) as pool:
                answers = list(pool.map(self._search_some, parts, [k] * len(parts)))
            found = [answers[place % n_parts][place // n_parts] for place in range(len(parsed))]
            texts = self._passages({address for hits in found for _, address in hits})
        answer = {
            query: [Passage(*texts[address], score) for score, address in hits]
            for query, hits in zip(distinct, found, strict=True)
        }
        return [list(answer[query]) for query in queries]

    def _query(self, query: str, settings: SearchSettings) -> tantivy.Query:
        terms = choose_terms(self._queries.analyze(query), self._look_up, len(self), settings)
        clauses = []
        for term, n in terms:
            part = self._terms[term]
            if n > 1:
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
        known = self._statistics.get(term)
        if known is None:
            frequency = self._searcher.doc_freq("passage", term)
            worth = worth_per_occurrence(frequency, len(self)) if frequency else 0.0
            known = self._statistics[term] = (frequency, worth)
            self._terms[term] = tantivy.Query.term_query(self._schema, "passage", term, "freq")
        return known

    def _passages(self, addresses: Iterable[_Address]) -> dict[_Address, tuple[str, str, str]]:
        # In the order of the file: neighbours share compressed blocks.
        texts = {}
        for segment, number in sorted(addresses):
            stored = self._searcher.doc(tantivy.DocAddress(segment, number))
            title, _, text = str(stored.get_first("passage")).partition("\n")
            texts[segment, number] = (text, title, str(stored.get_first("id")))
        return texts

    def _delete_document(self, writer: IndexWriter, document: str) -> bool:
        """Delete every passage of a document; return whether there was one."""
        ids = [document] if self._searcher.doc_freq("id", document) else []
        if not self._is_whole:
            # `a#0` may be the first passage of `a`, which is no passage of the document `a#0`.
            ids = [id_ for id_ in ids if document_of(id_) == document]
            cut = self._searcher.terms_with_prefix("id", f"{document}#")
            ids += [term for term, _ in cut if document_of(term) == document]
        for id_ in ids:
            writer.delete("id", id_)
        return bool(ids)

    @property
    def _is_whole(self) -> bool:
        """Whether documents are not cut: then `a#1` and `a#2` are two of them."""
        return self.manifest.chunking is None

    @contextmanager
    def _changing(
        self, settings: SparseSettings, sources: Sequence[Source]
    ) -> Iterator[tuple[IndexWriter, PassagesHash]]:
        """Hold the index, let the caller change and hash it, and write the manifest at the end."""
        data = self.folder / _DATA
        with held_for_writing(self.folder):
            # Another process may have changed the index since it was opened.
            self.manifest = read_manifest(self.folder)
            hashed = PassagesHash(index_hash(self.folder))
            # What is committed before a failure or a kill stays, and no hash tells of it.
            self._write_manifest((), passages_hash="")
            with writing(self._index, data, heap_mb=settings.heap_mb) as writer:
                yield writer, hashed
                writer.finish()
            self._refresh()
            self._write_manifest(sources, passages_hash=hashed.hexdigest())

    def _refresh(self) -> None:
        self._index.reload()
        self._searcher = self._index.searcher()
        self._n_passages = int(self._searcher.num_docs)
        self._statistics: dict[str, tuple[int, float]] = {}
        self._terms: dict[str, tantivy.Query] = {}

    def _write_manifest(self, sources: Sequence[Source], *, passages_hash: str) -> None:
        self.manifest = self.manifest.changed(len(self), sources, passages_hash)
        self.manifest.write(self.folder)


def _schema() -> tantivy.Schema:
    # Title and text are one stored field, parted by the first line break: one field to search
    # costs half of two.
    return (
        tantivy.SchemaBuilder()
        .add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        .add_text_field("passage", stored=True, tokenizer_name=_ANALYZER, index_option="freq")
        .build()
    )


def _document(passage: Passage) -> tantivy.Document:
    title = " ".join(passage.title.split()) if passage.title else ""
    return tantivy.Document(id=passage.id, passage=f"{title}\n{passage.text}")


@contextmanager
def _as_corrupt(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # tantivy, written in Rust, panics over some damage; that class cannot be imported.
        if not isinstance(error, ValueError | OSError) and type(error).__name__ != "PanicException":
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorruptIndexError(
            f"cannot read the index: {reason}", file=folder, hint=REBUILD
        ) from None
