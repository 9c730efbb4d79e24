"""Build an index in parts: passages to files, parts side by side, and a manifest that names them.

The work is done in a hidden folder beside the index, `.INDEX.parts`. It holds the passages, what is
known of them, and the finished parts. A build that was interrupted goes on there. The complete
folder then takes the place of the index in one step.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmexam.errors import EvidenceIndexError
from llmexam.evidence.index.analysis import ANALYSIS
from llmexam.evidence.index.files import LOCK, held_for_writing
from llmexam.evidence.index.manifest import (
    FILE_NAME,
    Manifest,
    PartRecord,
    Source,
    is_index,
    read_manifest,
)
from llmexam.evidence.index.parts.checking import check_parts
from llmexam.evidence.index.parts.part import PartJob, PartRunner, finished_part, part_name
from llmexam.evidence.index.parts.passages_files import (
    PassagesFile,
    cut_evenly,
    read_passages,
    write_passages,
)
from llmexam.evidence.index.precision import FILE_NAME as PROBE_FILE
from llmexam.evidence.index.precision import chosen_precision, write_probe
from llmexam.evidence.index.recovery import recover_replaced, replaced_path
from llmexam.evidence.index.replacement import (
    clear_folder,
    put_in_place,
    require_index_or_nothing,
    sync_folder,
)
from llmexam.exam.question import Passage
from llmexam.lm.encoding.precision_probe import PrecisionProbe
from llmexam.storage.atomic import write_json
from llmexam.storage.hashing import hash_json
from llmexam.storage.permissions import open_to_readers

PART_PASSAGES = 1_000_000
"""Passages of a part where the number of parts is not given."""

MOST_PARTS = 10_000
_READING = "reading.json"
_BUILD = "parts-build.json"
_VERSION = 1

Probe = Callable[[Iterable[Passage]], PrecisionProbe | None]
"""Chooses a precision by some of the passages; None if there are too few of them."""


@dataclass(frozen=True, slots=True)
class PartsBuild:
    """A built index in parts.

    Attributes:
        manifest: Its manifest.
        counts: What the caller counted while the passages were read, also in an earlier run.
        n_resumed: Parts that an earlier run had built.
    """

    manifest: Manifest
    counts: dict[str, int]
    n_resumed: int


@dataclass(frozen=True, slots=True)
class PartsPlan:
    """What is built, and how.

    Attributes:
        kind: Kind of index.
        n_parts: Number of parts; None is one for each million passages.
        chunking: How the passages were cut from documents.
        sources: The corpus files, for the manifest.
        key: Everything that the passages depend on. A build with another key does not go on with
            the files of this one.
        precision: Requested precision of the encoder; None for the machine's default, or what a
            probe chooses.
    """

    kind: str
    n_parts: int | None
    chunking: dict[str, int] | None
    sources: tuple[Source, ...]
    key: Mapping[str, Any]
    precision: str | None = None

    @property
    def hash(self) -> str:
        """Hash of all that the index depends on."""
        plain = asdict(self)
        plain["sources"] = [source.model_dump() for source in self.sources]
        return hash_json({**plain, "version": _VERSION, "analysis": dict(ANALYSIS)})


def build_parts(
    folder: str | Path,
    passages: Iterable[Passage],
    plan: PartsPlan,
    runner: PartRunner,
    *,
    counts: Callable[[], dict[str, int]] = dict,
    probe: Probe | None = None,
    tell: Callable[[int, int], None] = lambda n_done, n_all: None,
) -> PartsBuild:
    """Build an index in parts; an existing index in the folder is replaced when all are complete.

    Args:
        folder: Folder of the index.
        passages: Read once, in a stream, and not at all if an earlier run has read them.
        plan: What is built.
        runner: Builds the parts, such as `local_runner`.
        counts: Called when all passages are read; what it returns is kept for a resumed build.
        probe: Called with the passages when all are read, to choose the precision of all parts.
            The result is kept for a resumed build, and recorded in the index.
        tell: Called with the number of finished parts and of all parts.

    Raises:
        EvidenceIndexError: There are no passages, the folder holds other files, or another process
            builds it.
    """
    if plan.n_parts is not None and not 1 <= plan.n_parts <= MOST_PARTS:
        raise EvidenceIndexError(
            f"expected 1 to {MOST_PARTS:,} parts, got {plan.n_parts:,}", file=folder
        )
    recover_replaced(folder, FILE_NAME)
    target = Path(folder).resolve()
    staging = target.with_name(f".{target.name}.parts")
    finished = _finished_build(target, plan)
    if finished is not None:
        return finished
    for path in (target, staging, replaced_path(target)):
        require_index_or_nothing(path, is_passing_name=path != target)
    with ExitStack() as held:
        if target.exists():
            held.enter_context(held_for_writing(target))
        held.enter_context(held_for_writing(staging))
        finished = _finished_build(staging, plan)
        if finished is not None:
            _place(staging, target, finished.manifest)
            return finished
        reading = _read_once(staging, passages, plan, counts)
        probed = None if probe is None else _probe_once(staging, reading.files, probe)
        jobs = _jobs(staging, reading, plan, chosen_precision(probed) or plan.precision)
        records = {job.name: found for job in jobs if (found := finished_part(job)) is not None}
        n_resumed = len(records)

        def done(record: PartRecord) -> None:
            records[record.name] = record
            tell(len(records), len(jobs))

        tell(n_resumed, len(jobs))
        runner([job for job in jobs if job.name not in records], done)
        if probed is not None:
            write_probe(staging, probed)
        manifest = _complete(staging, [records[job.name] for job in jobs], plan, reading.counts)
        _place(staging, target, manifest)
    return PartsBuild(manifest, reading.counts, n_resumed)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The passages of a build, in files."""

    files: list[PassagesFile]
    counts: dict[str, int]


def _read_once(
    staging: Path,
    passages: Iterable[Passage],
    plan: PartsPlan,
    counts: Callable[[], dict[str, int]],
) -> _Reading:
    record = staging / _READING
    try:
        known = json.loads(record.read_bytes())
        if known["key"] == plan.hash:
            files = [PassagesFile(str(staging / n), 0, int(rows)) for n, rows in known["files"]]
            return _Reading(files, {str(name): int(n) for name, n in known["counts"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    # An unfinished build of another corpus, or one that was stopped while it read.
    clear_folder(staging)
    files = write_passages(staging, passages)
    if not files:
        raise EvidenceIndexError("there are no passages to index", file=staging)
    found = counts()
    names = [[Path(file.path).name, file.stop] for file in files]
    write_json(record, {"key": plan.hash, "files": names, "counts": found})
    return _Reading(files, found)


def _probe_once(
    staging: Path, files: Sequence[PassagesFile], probe: Probe
) -> PrecisionProbe | None:
    """Return the result of a probe, which an earlier run may have recorded; None without one."""
    record = staging / _READING
    known = json.loads(record.read_bytes())
    with suppress(KeyError, ValidationError):
        recorded = known["probe"]
        return None if recorded is None else PrecisionProbe.model_validate(recorded)
    found = probe(read_passages(files))
    write_json(record, {**known, "probe": None if found is None else found.model_dump(mode="json")})
    return found


def _jobs(
    staging: Path, reading: _Reading, plan: PartsPlan, precision: str | None
) -> list[PartJob]:
    n_passages = sum(file.stop for file in reading.files)
    n_parts = min(plan.n_parts or -(-n_passages // PART_PASSAGES), n_passages)
    return [
        PartJob(
            name=part_name(number),
            folder=str(staging / part_name(number)),
            files=files,
            kind=plan.kind,
            chunking=plan.chunking,
            precision=precision,
        )
        for number, files in enumerate(cut_evenly(reading.files, n_parts))
    ]


def _complete(
    staging: Path, records: Sequence[PartRecord], plan: PartsPlan, counts: dict[str, int]
) -> Manifest:
    """Write the files that make an index of the folder with the parts."""
    first = read_manifest(staging / records[0].folder)
    manifest = first.in_parts(records, plan.sources)
    manifest.write(staging)
    write_json(
        staging / _BUILD,
        {"key": plan.hash, "content_hash": manifest.content_hash, "counts": counts},
    )
    return manifest


def _place(staging: Path, target: Path, manifest: Manifest) -> None:
    """Delete what only the build needed, and move the index to its place."""
    kept = {part.folder for part in manifest.parts} | {FILE_NAME, _BUILD, LOCK, PROBE_FILE}
    for path in staging.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    open_to_readers(staging)
    sync_folder(staging)
    put_in_place(staging, target, replaced_path(target))
    if staging.exists():
        shutil.rmtree(staging, ignore_errors=True)


def _finished_build(folder: Path, plan: PartsPlan) -> PartsBuild | None:
    """Return the index in a folder if it is the one that shall be built."""
    try:
        known = json.loads((folder / _BUILD).read_bytes())
        if not is_index(folder) or known["key"] != plan.hash:
            return None
        manifest = read_manifest(folder)
        if known["content_hash"] != manifest.content_hash:
            return None
        check_parts(folder, manifest)
        return PartsBuild(manifest, dict(known["counts"]), len(manifest.parts))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EvidenceIndexError):
        return None
