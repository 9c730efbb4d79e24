"""Open an index of whichever kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from llmexam.errors import CorruptIndexError, EvidenceIndexError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.files import REBUILD
from llmexam.evidence.index.manifest import FILE_NAME, Manifest, Source, read_manifest
from llmexam.exam.question import Passage
from llmexam.lm.models.loading import is_local_model


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


def open_index(
    folder: str | Path, *, encoder: Encoder | None = None, model: str | None = None
) -> EvidenceIndex:
    """Open a sparse or dense index, as its manifest says.

    Args:
        folder: The index.
        encoder: What turns queries into vectors (dense only); None loads a model. A model other
            than the one that built the index is refused.
        model: The user's name for that model. The manifest's is used where it is `bundled` or a
            folder on this machine; it never has a model fetched from the hub.

    Raises:
        EvidenceIndexError: The folder is no index, or one that cannot be used, or its model has
            to be named by the user.
        MissingDependencyError: A dense index, and the extra `encoders` is not installed.
    """
    manifest = read_manifest(folder)
    if manifest.kind == "sparse":
        from llmexam.evidence.index.sparse import SparseIndex

        return SparseIndex.open(folder)
    from llmexam.evidence.index.dense import DenseIndex

    if encoder is None:
        from llmexam.lm.encoding.embedding import load_embedder

        encoder = load_embedder(_model_of(manifest, folder, model))
    return DenseIndex.open(folder, encoder)


def _model_of(manifest: Manifest, folder: str | Path, given: str | None) -> str:
    if manifest.encoder is None:
        raise CorruptIndexError("the manifest names no model", file=folder, hint=REBUILD)
    recorded = manifest.encoder.model
    if is_local_model(recorded):
        return recorded
    if given is None:
        # An index may come from elsewhere, and the hub would be asked with the user's token.
        raise EvidenceIndexError(
            f"the index was built with model '{recorded}', which is neither 'bundled' "
            "nor a local folder; models named by an index are not downloaded "
            "automatically",
            file=Path(folder) / FILE_NAME,
            field="encoder.model",
            hint="Give the model yourself: `--model` of index and search, `--index-model` "
            "of solve and estimate, `evidence.model` in a plan",
        )
    return given
