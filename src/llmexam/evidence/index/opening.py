"""Build or open an index of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from llmexam.errors import CorruptIndexError, EvidenceIndexError, SettingsError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.files import REBUILD
from llmexam.evidence.index.kinds import INDEX_KINDS, EvidenceIndex, IndexKind
from llmexam.evidence.index.manifest import FILE_NAME, Manifest, Source, read_manifest
from llmexam.evidence.index.parts.building import PartsBuild, PartsPlan, Probe, build_parts
from llmexam.evidence.index.parts.index import PartedIndex
from llmexam.evidence.index.parts.local import Encoders, local_runner
from llmexam.evidence.index.parts.part import PartRunner
from llmexam.evidence.index.precision import (
    chosen_precision,
    probe_passages,
    require_precision,
    write_probe,
)
from llmexam.exam.question import Passage
from llmexam.lm.encoding.embedding import Embedder, load_embedder
from llmexam.lm.encoding.precision_probe import PrecisionProbe
from llmexam.lm.models.loading import BUNDLED, is_local_model
from llmexam.lm.models.precision import supports_int8


def create_index(
    kind: str,
    folder: str | Path,
    passages: Iterable[Passage],
    *,
    encoder: Encoder | None = None,
    model: str | None = None,
    precision: str = "auto",
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
        precision: Precision of its vectors. `auto` is the default of the machine (bf16 or fp32),
            or for many passages int8 if a probe of some shows that it is faster and near fp32.
        chunking: How the passages were cut from documents, for the manifest.
        sources: The files that the passages come from, for the manifest.

    Raises:
        SettingsError: There is no such kind, or a model or a precision is named for a kind that
            uses no model.
        ModelError: The model is missing or unusable, or the precision is not supported.
        EvidenceIndexError: The folder cannot take the index.
        MissingDependencyError: A package that the kind needs is not installed.
    """
    found = _known_kind(kind, model)
    _check_precision(precision, kind, encoder)
    if not found.uses_model:
        index: EvidenceIndex = found.index_class.build(
            folder, passages, chunking=chunking, sources=sources
        )
        return index
    if encoder is not None:
        index = found.index_class.build(
            folder,
            passages,
            encoder,
            chunking=chunking,
            sources=sources,
            precision=_recorded(precision, encoder),
        )
        return index
    probe: PrecisionProbe | None = None
    recorded = _recorded(precision, None)
    if recorded is None:
        passages, probe = probe_passages(passages, model or BUNDLED, folder)
        recorded = chosen_precision(probe)
    loaded = load_embedder(model or BUNDLED, precision=require_precision(recorded or "auto"))
    index = found.index_class.build(
        folder, passages, loaded, chunking=chunking, sources=sources, precision=recorded
    )
    if probe is not None:
        write_probe(folder, probe)
    return index


def _known_kind(kind: str, model: str | None) -> IndexKind:
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
    return found


def build_index_parts(
    kind: str,
    folder: str | Path,
    passages: Iterable[Passage],
    *,
    n_parts: int | None,
    key: Mapping[str, Any],
    chunking: dict[str, int] | None = None,
    sources: Sequence[Source] = (),
    counts: Callable[[], dict[str, int]] = dict,
    encoder: Encoder | None = None,
    model: str | None = None,
    precision: str = "auto",
    n_workers: int | None = None,
    runner: PartRunner | None = None,
    tell: Callable[[int, int], None] = lambda n_done, n_all: None,
) -> PartsBuild:
    """Build an index in parts, or go on with a build that was interrupted.

    Args:
        kind: A name from `INDEX_KINDS`.
        folder: Folder of the index.
        passages: The passages to index; not read if an earlier run has read them all.
        n_parts: Number of parts; None is one for each million passages.
        key: Everything that the passages depend on, besides the sources and the chunking.
        chunking: How the passages were cut from documents, for the manifest.
        sources: The files that the passages come from, for the manifest.
        counts: Called when all passages are read; what it returns is kept for a resumed build.
        encoder: The bi-encoder, for kinds that use one; None loads the model.
        model: Name or folder of that model; None is the bundled one.
        precision: Precision of its vectors, as in `create_index`. The result of a probe is kept
            for a resumed build.
        n_workers: Processes that build sparse parts (see `local_runner`).
        runner: What builds the parts, instead of processes of this machine.
        tell: Called with the number of finished parts and of all parts.

    Raises:
        SettingsError: There is no such kind, or a model is named for a kind that uses none.
        EvidenceIndexError: The folder cannot take the index.
        MissingDependencyError: A package that the kind needs is not installed.
    """
    found = _known_kind(kind, model)
    _check_precision(precision, kind, encoder)
    recorded = _recorded(precision, encoder)
    probe: Probe | None = None
    encoders: Encoders | None = None
    if found.uses_model:
        # Loaded before the corpus is read, so that a faulty model is an error at once.
        first = encoder or load_embedder(model or BUNDLED, precision=require_precision(precision))
        key = {**key, "weights": first.weights_hash}
        encoders = partial(_encoder_in, first=first, requested=recorded, model=model)
        if encoder is None and recorded is None:
            probe = partial(_probe, model=model, folder=folder)
    plan = PartsPlan(kind, n_parts, chunking, tuple(sources), key, recorded)
    runner = runner or local_runner(n_workers, encoders)
    return build_parts(folder, passages, plan, runner, counts=counts, probe=probe, tell=tell)


def _recorded(precision: str, encoder: Encoder | None) -> str | None:
    """Return the precision that an index records without a probe; None for the default.

    Vectors of a given encoder in int8 are not those of the default, so it is recorded.
    """
    if getattr(encoder, "precision", None) == "int8":
        return "int8"
    return None if precision == "auto" else precision


def _encoder_in(
    chosen: str | None, *, first: Encoder, requested: str | None, model: str | None
) -> Encoder:
    """Return the encoder in the precision that was chosen for an index."""
    if chosen == requested:
        return first
    return load_embedder(model or BUNDLED, precision=require_precision(chosen or "auto"))


def _probe(
    passages: Iterable[Passage], *, model: str | None, folder: str | Path
) -> PrecisionProbe | None:
    return probe_passages(passages, model or BUNDLED, folder)[1]


def open_without_part(
    folder: str | Path, part: str, *, encoder: Encoder | None = None, model: str | None = None
) -> PartedIndex:
    """Open an index in parts to replace or remove one of them, which may be damaged.

    Args:
        folder: The index.
        part: Name of the part.
        encoder: As in `open_index`.
        model: As in `open_index`.

    Raises:
        EvidenceIndexError: The folder is not an index in parts, or has no such part, or another
            part is unusable.
    """
    manifest = read_manifest(folder)
    kind = _kind_of(manifest, folder)
    if not manifest.parts:
        raise EvidenceIndexError(
            "the index is not in parts", file=folder, hint="Build it with --parts"
        )
    index: PartedIndex = kind.parts_class.open(
        folder, *_encoders(kind, manifest, folder, encoder, model), without=part
    )
    return index


def _check_precision(precision: str, kind: str, encoder: Encoder | None) -> None:
    if require_precision(precision) == "auto":
        return
    if not INDEX_KINDS[kind].uses_model:
        raise SettingsError(
            f"a {kind} index has no vectors, but precision '{precision}' was given",
            field="precision",
            hint="Build a dense index (kind 'dense'), or remove the precision",
        )
    if encoder is not None:
        raise SettingsError(
            f"expected an encoder or a precision, got both (precision '{precision}')",
            field="precision",
            hint="Load the encoder in this precision",
        )


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
    opened = kind.parts_class if manifest.parts else kind.index_class
    index: EvidenceIndex = opened.open(folder, *_encoders(kind, manifest, folder, encoder, model))
    return index


def _load(model: str, manifest: Manifest) -> Embedder:
    """Load a model in the precision of an index, or the default where int8 is not supported.

    Queries in the default precision are nearer to exact vectors than int8, so an index in int8
    can be searched on every machine.
    """
    recorded = manifest.encoder.precision if manifest.encoder is not None else None
    if recorded == "int8" and not supports_int8():
        recorded = None
    return load_embedder(model, precision=require_precision(recorded or "auto"))


def verify_index(folder: str | Path) -> int:
    """Check all bytes of an index, and return the number of its passages.

    Opening an index checks large files by a sample; this reads them whole. Indexes of earlier
    versions of llmexam have fewer checksums.

    Raises:
        EvidenceIndexError: The folder is not an index.
        CorruptIndexError: A file is damaged or missing.
    """
    manifest = read_manifest(folder)
    kind = _kind_of(manifest, folder)
    return int((kind.parts_class if manifest.parts else kind.index_class).verify(folder))


def _encoders(
    kind: IndexKind,
    manifest: Manifest,
    folder: str | Path,
    encoder: Encoder | None,
    model: str | None,
) -> list[Encoder]:
    """Return the encoder that a kind of index needs, or nothing."""
    if not kind.uses_model:
        return []
    return [encoder or _load(_model_of(manifest, folder, model), manifest)]


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
