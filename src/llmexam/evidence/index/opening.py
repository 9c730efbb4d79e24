"""Build or open an index of any kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from llmexam.errors import CorruptIndexError, EvidenceIndexError, SettingsError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.files import REBUILD
from llmexam.evidence.index.kinds import INDEX_KINDS, EvidenceIndex, IndexKind
from llmexam.evidence.index.manifest import FILE_NAME, Manifest, Source, read_manifest
from llmexam.exam.question import Passage
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.loading import BUNDLED, is_local_model


def create_index(
    kind: str,
    folder: str | Path,
    passages: Iterable[Passage],
    *,
    encoder: Encoder | None = None,
    model: str | None = None,
    chunking: dict[str, int] | None = None,
    sources: Sequence[Source] = (),
) -> EvidenceIndex:
    """Build an index of a kind; an existing one is replaced.

    Args:
        kind: A name from `INDEX_KINDS`.
        folder: Folder of the index.
        passages: The passages to index.
        encoder: The bi-encoder, for kinds that use one; None loads the model.
        model: Name or folder of that model; None is the bundled one.
        chunking: How the passages were cut from documents, for the manifest.
        sources: The files that the passages come from, for the manifest.

    Raises:
        SettingsError: There is no such kind, or a model is named for a kind that uses none.
        EvidenceIndexError: The folder cannot take the index.
        MissingDependencyError: A package that the kind needs is not installed.
    """
    if kind not in INDEX_KINDS:
        known = ", ".join(sorted(INDEX_KINDS))
        raise SettingsError(
            f"unknown kind of index '{kind}'", field="kind", hint=f"Available: {known}"
        )
    found = INDEX_KINDS[kind]
    if not found.uses_model and model is not None:
        raise SettingsError(
            f"a {kind} index has no model, but '{model}' was given",
            field="model",
            hint="Build a dense index (kind 'dense'), or remove the model",
        )
    encoders = [encoder or load_embedder(model or BUNDLED)] if found.uses_model else []
    index: EvidenceIndex = found.index_class.build(
        folder, passages, *encoders, chunking=chunking, sources=sources
    )
    return index


def open_index(
    folder: str | Path, *, encoder: Encoder | None = None, model: str | None = None
) -> EvidenceIndex:
    """Open an index of the kind that its manifest names.

    Args:
        folder: The index.
        encoder: The bi-encoder, for kinds that use one; None loads it. Weights other than those
        that built the index raise an error.
        model: Name or folder of that model, given by the user. The manifest's name is used only
        if it is `bundled` or a local folder; it never causes a download.

    Raises:
        EvidenceIndexError: The folder is not an index, the index is unusable, or the user must
            name its model.
        MissingDependencyError: The index is dense and the extra `encoders` is not installed.
    """
    manifest = read_manifest(folder)
    kind = _kind_of(manifest, folder)
    encoders = []
    if kind.uses_model:
        encoders = [encoder or load_embedder(_model_of(manifest, folder, model))]
    index: EvidenceIndex = kind.index_class.open(folder, *encoders)
    return index


def verify_index(folder: str | Path) -> int:
    """Check all bytes of an index, and return the number of its passages.

    Opening an index checks large files by a sample; this reads them whole. Indexes of earlier
    versions of llmexam have fewer checksums.

    Raises:
        EvidenceIndexError: The folder is not an index.
        CorruptIndexError: A file is damaged or missing.
    """
    return int(_kind_of(read_manifest(folder), folder).index_class.verify(folder))


def _kind_of(manifest: Manifest, folder: str | Path) -> IndexKind:
    kind = INDEX_KINDS.get(manifest.kind)
    if kind is None:
        raise CorruptIndexError(
            f"expected an index of kind {' or '.join(INDEX_KINDS)}, got '{manifest.kind}'",
            file=Path(folder) / FILE_NAME,
            field="kind",
            hint=REBUILD,
        )
    return kind


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
            f"the index was built with model '{recorded}', which is neither 'bundled' "
            "nor a local folder; models named by an index are not downloaded "
            "automatically",
            file=Path(folder) / FILE_NAME,
            field="encoder.model",
            hint="Give the model yourself: `--model` of index and search, `--index-model` "
            "of solve and estimate, `evidence.model` in a plan",
        )
    return given
