"""Open an index of whichever kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from llmexam.errors import CorruptIndexError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.files import REBUILD
from llmexam.evidence.index.manifest import Manifest, Source, read_manifest
from llmexam.exam.question import Passage


class EvidenceIndex(Protocol):
    """What sparse and dense indexes have in common."""

    manifest: Manifest

    def __len__(self) -> int: ...

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return at most k passages for every query, best first, with scores."""
        ...

    def add(self, passages: Iterable[Passage], *, sources: Sequence[Source] = ()) -> int:
        """Add passages, replacing documents that are there; return how many."""
        ...

    def delete(self, ids: Iterable[str]) -> int:
        """Delete passages or documents by id; return how many passages went."""
        ...


def open_index(folder: str | Path, *, encoder: Encoder | None = None) -> EvidenceIndex:
    """Open a sparse or dense index, as its manifest says.

    Args:
        folder: The index.
        encoder: What turns queries into vectors (dense only); None loads the model that the
            manifest names. A model other than the one that built the index is refused.

    Raises:
        EvidenceIndexError: The folder is no index, or one that cannot be used.
        MissingDependencyError: A dense index, and the extra `encoders` is not installed.
    """
    manifest = read_manifest(folder)
    if manifest.kind == "sparse":
        from llmexam.evidence.index.sparse import SparseIndex

        return SparseIndex.open(folder)
    from llmexam.evidence.index.dense import DenseIndex

    if encoder is None:
        if manifest.encoder is None:
            raise CorruptIndexError("the manifest names no model", file=folder, hint=REBUILD)
        from llmexam.lm.embedding import load_embedder

        encoder = load_embedder(manifest.encoder.model)
    return DenseIndex.open(folder, encoder)
