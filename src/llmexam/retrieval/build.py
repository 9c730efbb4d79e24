"""Build, extend and shrink indexes from corpus files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from llmexam.errors import CorpusError, IndexMismatchError, SettingsError
from llmexam.evidence.chunking import ChunkSettings
from llmexam.evidence.corpus import CorpusSettings
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.manifest import Manifest, read_manifest
from llmexam.evidence.index.opening import (
    build_index_parts,
    create_index,
    open_index,
    open_without_part,
    verify_index,
)
from llmexam.evidence.index.parts.building import PartsBuild
from llmexam.evidence.index.parts.part import PartRunner
from llmexam.evidence.index.precision import read_probe
from llmexam.retrieval.reading import Corpora, IndexSummary, Progress, Reading, corpus_sources
from llmexam.retrieval.sharded import cluster_runner
from llmexam.sample import corpus_path
from llmexam.stages.sharding.cluster import Cluster

__all__ = ["IndexSummary", "corpus_sources", "verify_index"]


def build_index(
    corpora: Corpora | str | Path | CorpusSettings,
    out: str | Path,
    *,
    kind: str = "sparse",
    chunking: ChunkSettings | None = ChunkSettings(),  # noqa: B008 - frozen
    deduplicate: bool = True,
    model: str | None = None,
    precision: str = "auto",
    encoder: Encoder | None = None,
    progress: Progress | None = None,
    parts: int | None = None,
    n_workers: int | None = None,
    runner: PartRunner | None = None,
    cluster: Cluster | None = None,
    tell: Callable[[int, int], None] = lambda n_done, n_all: None,
) -> IndexSummary:
    """Build an index of one or more corpora; an existing index is replaced.

    An index in parts is built part by part, side by side, and an interrupted build resumes with the
    finished parts. It is searched like any other index, with the same scores.

    Args:
        corpora: Corpus files or folders, `bundled` for the sample corpus, or settings for them.
        out: Folder of the index; it appears when the index is whole.
        kind: `sparse` (BM25) or `dense` (vectors of a bi-encoder).
        chunking: How documents are cut into passages; None keeps them whole.
        deduplicate: Whether to drop duplicate passages.
        model: Name or folder of the bi-encoder (dense only); None is the bundled one.
        precision: Precision of the vectors (dense only); see `create_index`.
        encoder: The bi-encoder itself, instead of `model`.
        progress: Called now and then with the number of passages so far.
        parts: Number of parts; 0 is one for each million passages, and None an index that is not in
            parts.
        n_workers: Processes that build parts; None is one per core in a command, and this process
            in a script.
        runner: What builds the parts, instead of processes of this machine.
        cluster: What builds the parts: a `Cluster`, whose machines share the folder of the index.
        tell: Called with the number of finished parts and of all parts.

    Raises:
        CorpusError: A corpus cannot be read.
        EvidenceIndexError: The folder cannot take the index.
        SettingsError: A cluster is given with an encoder or a runner, or without parts.
        RunError: A part could not be built by the cluster.
        MissingDependencyError: A dense index, and the extra `encoders` is not installed.
    """
    if cluster is not None:
        _check_cluster(
            has_parts=parts is not None, has_own=encoder is not None or runner is not None
        )
        runner = cluster_runner(cluster, kind, model)
    reading = Reading(corpora, chunking, deduplicate, progress)
    if parts is not None:
        built = build_index_parts(
            kind,
            out,
            reading.passages(),
            n_parts=parts or None,
            chunking=reading.plain_chunking,
            sources=reading.sources,
            key=reading.key,
            counts=reading.counts,
            encoder=encoder,
            model=model,
            precision=precision,
            n_workers=n_workers,
            runner=runner,
            tell=tell,
        )
        return _summary_of_parts(reading, out, built)
    index = create_index(
        kind,
        out,
        reading.passages(),
        encoder=encoder,
        model=model,
        precision=precision,
        chunking=reading.plain_chunking,
        sources=reading.sources,
    )
    return reading.summary(out, index.manifest, len(index), precision=_reason(out))


def _check_cluster(*, has_parts: bool, has_own: bool) -> None:
    if not has_parts or has_own:
        raise SettingsError(
            "a cluster builds an index in parts, with an encoder that each worker loads",
            field="cluster",
            hint="Give `parts`, and no `encoder` or `runner`",
        )


def _summary_of_parts(reading: Reading, out: str | Path, built: PartsBuild) -> IndexSummary:
    return reading.summary(
        out,
        built.manifest,
        built.manifest.n_passages,
        counts=built.counts,
        n_resumed=built.n_resumed,
        precision=_reason(out),
    )


def _reason(folder: str | Path) -> str:
    """Return why a probe chose the precision of an index; empty without a probe."""
    probe = read_probe(folder)
    return probe.reason if probe else ""


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
    reading = Reading(
        corpora, _chunking_of(read_manifest(folder), folder, chunking), deduplicate, progress
    )
    index = open_index(folder, encoder=encoder, model=model)
    index.add(reading.passages(), sources=reading.sources)
    return reading.summary(folder, index.manifest, len(index))


def replace_part(
    corpora: Corpora | str | Path | CorpusSettings,
    folder: str | Path,
    part: str,
    *,
    deduplicate: bool = True,
    model: str | None = None,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> IndexSummary:
    """Replace a part of an index in parts by the passages of corpora, with the index's chunking.

    The part may be damaged. Documents of other parts with the same ids are deleted.

    Args:
        corpora: Corpus files or folders, or settings for them.
        folder: The index.
        part: Name of the part, such as `part-00003`.
        deduplicate: Whether to drop duplicate passages.
        model: Bi-encoder of a dense index that was built with a Hugging Face model.
        encoder: The loaded bi-encoder; None loads the one that the index names.
        progress: Called now and then with the number of passages so far.

    Raises:
        CorpusError: A corpus cannot be read.
        EvidenceIndexError: The index is not in parts or has no such part, it cannot be used, or
            another process writes into it.
    """
    reading = Reading(corpora, _chunking_of(read_manifest(folder), folder), deduplicate, progress)
    index = open_without_part(folder, part, encoder=encoder, model=model)
    index.replace_part(part, reading.passages(), sources=reading.sources)
    return reading.summary(folder, index.manifest, len(index))


def remove_part(folder: str | Path, part: str, *, model: str | None = None) -> int:
    """Delete a part of an index in parts; return the number of its passages.

    The part may be damaged. `model` is that of `replace_part`.

    Raises:
        EvidenceIndexError: The index is not in parts, has no such part or no other, or another
            process writes into it.
    """
    return open_without_part(folder, part, model=model).remove_part(part)


def _chunking_of(
    manifest: Manifest, folder: str | Path, chunking: ChunkSettings | None = None
) -> ChunkSettings | None:
    """Return the chunking of an index, after a check of the one that is asked for."""
    if chunking is None and manifest.chunking is not None:
        return ChunkSettings.parse(manifest.chunking, subject="the index's chunking")
    if chunking is not None and chunking.model_dump() != manifest.chunking:
        # The manifest records one chunking for all passages of an index.
        raise IndexMismatchError(
            f"expected an index with chunking {chunking.model_dump()}, got {manifest.chunking}",
            file=folder,
            field="chunking",
            hint="Leave out the chunking to use that of the index",
        )
    return chunking


def delete_from_index(folder: str | Path, ids: Iterable[str], *, model: str | None = None) -> int:
    """Delete passages or whole documents by id; return the number of deleted passages.

    Unknown ids delete nothing. `model` is that of `add_to_index`.

    Raises:
        EvidenceIndexError: The index cannot be used, or another process writes into it.
    """
    return open_index(folder, model=model).delete(ids)


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
