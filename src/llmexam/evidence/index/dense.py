"""A dense index on disk: vectors of a bi-encoder in faiss, texts in SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import (
    CorruptIndexError,
    EvidenceIndexError,
    IndexMismatchError,
    RunError,
)
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.files import REBUILD, held_for_writing, index_hash
from llmexam.evidence.index.manifest import (
    EncoderRecord,
    Manifest,
    Source,
    check_manifest,
    read_manifest,
)
from llmexam.evidence.index.passage_store import PassageStore, VectorsFile, document_of
from llmexam.evidence.index.passages_hash import PassagesHash
from llmexam.evidence.index.recovery import identity, open_replaceable
from llmexam.evidence.index.replacement import built_folder
from llmexam.evidence.index.stored_precision import require_recorded_precision
from llmexam.evidence.index.unfinished import settle
from llmexam.evidence.index.vectors import (
    DenseSettings,
    check_vectors,
    import_faiss,
    index_vectors,
    number_of,
    write_vectors,
)
from llmexam.exam.question import Passage
from llmexam.storage.locking import lock_folder


class DenseIndex:
    """Nearest passages by inner product of unit vectors (cosine similarity).

    Attributes:
        folder: Where it is.
        manifest: What it was built from.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        encoder: Encoder,
        vectors: Any,
        file: VectorsFile,
        settings: DenseSettings,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self._encoder = encoder
        self._vectors = vectors
        self._file = file
        self._settings = settings
        self._identity = identity(folder)

    def __len__(self) -> int:
        return int(self._vectors.ntotal)

    @classmethod
    def build(
        cls,
        folder: str | Path,
        passages: Iterable[Passage],
        encoder: Encoder,
        settings: DenseSettings | None = None,
        *,
        chunking: dict[str, int] | None = None,
        sources: Sequence[Source] = (),
        precision: str | None = None,
    ) -> Self:
        """Build an index in a temporary folder and move it into place when it is complete.

        Vectors are first written to a temporary file, so memory holds one batch and finally the
        index: per passage `4 x dim` bytes if flat, `dim` bytes if in lists.

        Args:
            folder: Folder of the index; an index there is replaced.
            passages: Read once, in a stream.
            encoder: Encodes texts as unit vectors.
            settings: Batches and layout.
            chunking: Chunk size and overlap, for the manifest.
            sources: Corpus files, for the manifest.
            precision: Precision of the encoder, for the manifest; None for the machine's default.

        Raises:
            EvidenceIndexError: There are no passages, the folder holds files that are not of an
                index, or another process is writing to it.
            MissingDependencyError: faiss is not installed.
        """
        import_faiss()
        settings = settings or DenseSettings()
        with built_folder(folder) as temporary:
            PassageStore.create(temporary)
            # Flat or inverted lists? The number of passages decides, at the end of the stream.
            spool = temporary / "vectors.f32"
            hashed = PassagesHash()
            with PassageStore.open(temporary) as store, spool.open("wb") as stream:
                for batch, vectors in _encoded(hashed.read(passages), encoder, settings.batch):
                    store.append(batch, whole=chunking is None)
                    stream.write(vectors.tobytes())
                store.index()
                n_passages = len(store)
            if n_passages == 0:
                raise EvidenceIndexError("there are no passages to index", file=folder)
            waiting = np.memmap(spool, dtype=np.float32, shape=(n_passages, encoder.dim), mode="r")
            index = index_vectors(waiting, settings)
            del waiting
            spool.unlink()
            with PassageStore.open(temporary) as store:
                store.vectors = write_vectors(temporary, index, 0)
            flat = n_passages <= settings.flat_limit
            Manifest(
                kind="dense",
                encoder=EncoderRecord(
                    model=encoder.name,
                    weights_hash=encoder.weights_hash,
                    dim=encoder.dim,
                    normalised=True,
                    dtype="float32" if flat else "int8",
                    vectors="flat" if flat else "ivf-sq8",
                    precision=precision,
                ),
                chunking=chunking,
                sources=tuple(sources),
                n_passages=n_passages,
                passages_hash=hashed.hexdigest(),
            ).write(temporary)
        return cls.open(folder, encoder, settings)

    @classmethod
    def open(
        cls, folder: str | Path, encoder: Encoder, settings: DenseSettings | None = None
    ) -> Self:
        """Open an index to search it with the encoder that built it.

        Raises:
            EvidenceIndexError: The folder is not an index.
            IndexMismatchError: Its kind, version or the weights that built it differ.
            CorruptIndexError: Its files are damaged or missing.
            MissingDependencyError: faiss is not installed.
        """
        path = Path(folder)
        return open_replaceable(path, lambda: cls._open(path, encoder, settings))

    @classmethod
    def _open(cls, path: Path, encoder: Encoder, settings: DenseSettings | None) -> Self:
        faiss = import_faiss()
        manifest = read_manifest(path)
        check_manifest(
            manifest,
            {
                "kind": "dense",
                "encoder.weights_hash": encoder.weights_hash,
                "encoder.dim": encoder.dim,
                "encoder.normalised": True,
            },
            path,
        )
        if not manifest.passages_hash and manifest.format > 1:
            # A process changes it now, or was killed while it did. A read-only folder stays so.
            with suppress(RunError, OSError), lock_folder(path):
                settle(path)
                manifest = read_manifest(path)
        with PassageStore.open(path) as store:
            recorded = store.vectors
            n_passages = len(store)
        file = path / recorded.name
        check_vectors(file, recorded)
        try:
            index = faiss.read_index(str(file))
        except RuntimeError:
            raise CorruptIndexError("the vectors are damaged", file=file, hint=REBUILD) from None
        if (index.ntotal, index.d) != (n_passages, encoder.dim):
            raise CorruptIndexError(
                f"{index.ntotal} vectors of length {index.d} for {n_passages} passages",
                file=file,
                hint=REBUILD,
            )
        settings = settings or DenseSettings()
        # Flat indexes compare with every vector and have no `nprobe`.
        if hasattr(index, "nprobe"):
            index.nprobe = settings.n_probe
        return cls(path, manifest, encoder, index, recorded, settings)

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return the k nearest passages for every query, best first, with cosine similarities.

        Raises:
            EvidenceIndexError: k is below 1.
        """
        if k < 1:
            raise EvidenceIndexError(f"expected k of at least 1, got {k}")
        if not queries:
            return []
        wanted = np.ascontiguousarray(self._encoder.encode(list(queries), kind="query"))
        return self.search_vectors(wanted, k)

    def search_vectors(self, wanted: NDArray[np.float32], k: int) -> list[list[Passage]]:
        """Return the k nearest passages for encoded queries, shape `[n_queries, dim]`."""
        return open_replaceable(self.folder, lambda: self._search(wanted, k))

    def ids_of(self, document: str) -> list[str]:
        """Return the ids of the passages of a document; none if it is not in the index."""
        with PassageStore.open(self.folder) as store:
            return store.find("document", document)

    def holds_passage(self, id_: str) -> bool:
        """Return whether there is a passage of this id."""
        with PassageStore.open(self.folder) as store:
            return bool(store.find("id", id_))

    def _search(self, wanted: NDArray[np.float32], k: int) -> list[list[Passage]]:
        if identity(self.folder) != self._identity:
            # The index was built again, and numbers its passages from 0, too.
            self._read_all()
        if not len(self):
            return [[] for _ in wanted]
        scores, numbers = self._vectors.search(wanted, min(k, len(self)))
        with PassageStore.open(self.folder) as store:
            # faiss fills up with -1 where the visited lists hold fewer than k vectors.
            wanted_numbers = np.unique(numbers[numbers >= 0]).tolist()
            texts = store.get(wanted_numbers)
            if len(texts) < len(wanted_numbers) and store.vectors == self._file:
                # Another process may have deleted passages; its vectors have another name.
                raise CorruptIndexError("passages are missing", file=self.folder, hint=REBUILD)
        return [
            [
                replace(texts[number], score=score)
                for number, score in zip(of_query, of_score, strict=True)
                if number in texts
            ]
            for of_query, of_score in zip(numbers.tolist(), scores.tolist(), strict=True)
        ]

    @classmethod
    def verify(cls, folder: str | Path) -> int:
        """Check all bytes of an index, and return the number of its passages.

        Raises:
            EvidenceIndexError: The folder is not an index.
            CorruptIndexError: A file is damaged or missing.
        """
        path = Path(folder)
        read_manifest(path)
        with PassageStore.open(path) as store:
            store.verify()
            recorded = store.vectors
            n_passages = len(store)
        check_vectors(path / recorded.name, recorded, whole=True)
        return n_passages

    def add(
        self,
        passages: Iterable[Passage],
        settings: DenseSettings | None = None,
        *,
        sources: Sequence[Source] = (),
    ) -> int:
        """Add passages and return how many; documents that exist already are replaced.

        The vectors are written to a new file, which replaces the old one in the same transaction
        as the texts, so a killed process leaves the index unchanged.
        """
        require_recorded_precision(self._encoder, self.manifest, self.folder)
        settings = settings or DenseSettings()
        n_added = 0
        with self._changing(sources) as (store, hashed):
            whole = self.manifest.chunking is None
            # Passages of a document are consecutive, so its old passages are deleted once, when
            # its first new passage arrives, and not again in the next batch.
            document = None
            stream = hashed.read(passages)
            for batch, vectors in _encoded(stream, self._encoder, settings.batch):
                gone = []
                for passage in batch:
                    belongs_to = passage.id if whole else document_of(passage.id)
                    if belongs_to != document:
                        document = belongs_to
                        gone.append(document)
                self._forget(store.remove_documents(gone))
                numbers = np.array(store.append(batch, whole=whole), dtype=np.int64)
                self._vectors.add_with_ids(vectors, numbers)
                n_added += len(batch)
        return n_added

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents or passages by id; return the number of deleted passages.

        A document takes precedence over a passage of another document with the same id: `a#0`
        can be a document, and also the first passage of document `a`.
        """
        with self._changing(()) as (store, hashed):
            return self._forget(store.remove(hashed.delete(ids)))

    def _forget(self, numbers: Sequence[int]) -> int:
        """Remove vectors by number; return how many were removed."""
        if numbers:
            self._vectors.remove_ids(np.array(numbers, dtype=np.int64))
        return len(numbers)

    def _read_changes(self) -> None:
        """Read what another process, or another object, has changed since this one read it."""
        with PassageStore.open(self.folder) as store:
            is_changed = store.vectors != self._file or identity(self.folder) != self._identity
        if is_changed:
            self._read_all()
        self.manifest = read_manifest(self.folder)

    def _read_all(self) -> None:
        on_disk = type(self).open(self.folder, self._encoder, self._settings)
        self._vectors, self._file, self.manifest = on_disk._vectors, on_disk._file, on_disk.manifest
        self._identity = on_disk._identity

    @contextmanager
    def _changing(self, sources: Sequence[Source]) -> Iterator[tuple[PassageStore, PassagesHash]]:
        """Lock the index, yield its store for changes, and commit vectors and texts together."""
        with held_for_writing(self.folder):
            settle(self.folder)
            self._read_changes()
            before = self.manifest
            hashed = PassagesHash(index_hash(self.folder))
            with PassageStore.open(self.folder) as store:
                store.manifest = before.model_dump_json()
            # The empty hash makes `index_hash` read the files as long as the change lasts.
            before.changed(len(self), (), passages_hash="").write(self.folder)
            try:
                with PassageStore.open(self.folder) as store:
                    yield store, hashed
                    number = number_of(self._file.name) + 1
                    store.vectors = write_vectors(self.folder, self._vectors, number)
                    after = before.changed(len(store), sources, hashed.hexdigest())
                    store.manifest = after.model_dump_json()
                    self._file, self.manifest = store.vectors, after
            except BaseException:
                # The vectors in memory have the changes already; the store on disk rolled back.
                # A full disk may keep the manifest from being written; the next opening does it.
                with suppress(OSError):
                    settle(self.folder)
                self._read_all()
                raise
            settle(self.folder)


def _encoded(
    passages: Iterable[Passage], encoder: Encoder, size: int
) -> Iterator[tuple[list[Passage], NDArray[np.float32]]]:
    """Yield passages in batches with their vectors, shape `[n_batch, dim]`."""
    stream = iter(passages)
    while batch := list(islice(stream, size)):
        texts = [f"{p.title}\n{p.text}" if p.title else p.text for p in batch]
        vectors = np.ascontiguousarray(encoder.encode(texts, kind="passage"), dtype=np.float32)
        if vectors.shape != (len(batch), encoder.dim):
            raise IndexMismatchError(
                "expected one vector per text from the encoder, got shape "
                f"{vectors.shape} for {len(batch)} texts"
            )
        yield batch, vectors
