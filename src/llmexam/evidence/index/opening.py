"""Open a sparse or dense index."""

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
    """Interface that sparse and dense indexes share."""

    manifest: Manifest

    def __len__(self) -> int: ...

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return at most k passages for every query, best first, with scores."""
        ...

    def add(self, passages: Iterable[Passage], *, sources: Sequence[Source] = ()) -> int:
        """Add passages and return how many; documents that exist already are replaced."""
        ...

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents or passages by id; return the number of deleted passages."""
        ...


def open_index(
    folder: str | Path, *, encoder: Encoder | None = None, model: str | None = None
) -> EvidenceIndex:
    """Open an index of the kind that its manifest names.

    Args:
        folder: The index.
        encoder: Encodes queries (dense only); None loads a model. Weights other than those that
            built the index raise an error.
        model: Name or folder of that model, given by the user. The manifest's name is used only
            if it is `bundled` or a local folder; it never causes a download.

    Raises:
        EvidenceIndexError: The folder is not an index, the index is unusable, or the user must
            name its model.
        MissingDependencyError: The index is dense and the extra `encoders` is not installed.
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
        # The manifest of an index from elsewhere is untrusted: a hub name in it would send a
        # request with the user's token.
        raise EvidenceIndexError(
            f"the index was built with model '{recorded}', which is neither 'bundled' nor a "
            "folder on this machine, and an index may not have a model downloaded",
            file=Path(folder) / FILE_NAME,
            field="encoder.model",
            hint="Name the model yourself: `--model` of index and search, `--index-model` of solve "
            "and estimate, `evidence.model` in a plan",
        )
    return given
