"""One part of an index: what it is built from, and the function that builds it anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from llmexam.errors import EvidenceIndexError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.kinds import INDEX_KINDS
from llmexam.evidence.index.manifest import PartRecord, is_index, read_manifest
from llmexam.evidence.index.parts.passages_files import PassagesFile, read_passages


@dataclass(frozen=True, slots=True)
class PartJob:
    """All that building a part needs, as plain values that can be sent to another process.

    Attributes:
        name: The name of the part, `part-00000` and so on.
        folder: The folder that becomes the part.
        files: Where its passages are.
        kind: Kind of index.
        chunking: How the passages were cut from documents, for the manifest.
        precision: Precision of the encoder, for the manifest; None for the machine's default.
    """

    name: str
    folder: str
    files: tuple[PassagesFile, ...]
    kind: str
    chunking: dict[str, int] | None
    precision: str | None = None

    @property
    def n_passages(self) -> int:
        """Number of passages."""
        return sum(file.stop - file.start for file in self.files)


class PartRunner(Protocol):
    """Interface of what builds parts: processes of this machine, or several machines."""

    def __call__(self, jobs: Sequence[PartJob], done: Callable[[PartRecord], None]) -> None:
        """Build the parts with `build_part`, in any order, and call `done` after each."""
        ...


def build_part(job: PartJob, encoder: Encoder | None = None) -> PartRecord:
    """Build a part from its passages, and return its record for the manifest.

    The folder appears when the part is complete. Building it again replaces it by an equal one.

    Args:
        job: The part.
        encoder: The bi-encoder, for kinds of index that use one.

    Raises:
        RunError: A file of passages is missing or damaged.
        EvidenceIndexError: The folder cannot take the part, or another process is building it.
    """
    kind = INDEX_KINDS[job.kind]
    if kind.uses_model and encoder is None:
        raise EvidenceIndexError(
            f"a part of a {job.kind} index needs a bi-encoder", file=job.folder
        )
    build = kind.index_class.build
    if kind.uses_model:
        build = partial(build, precision=job.precision)
    encoders = [encoder] if kind.uses_model else []
    build(Path(job.folder), read_passages(job.files), *encoders, chunking=job.chunking)
    return record_of(Path(job.folder), job.name)


def finished_part(job: PartJob) -> PartRecord | None:
    """Return the record of a part that was built before, or None."""
    folder = Path(job.folder)
    return record_of(folder, job.name) if is_index(folder) else None


def record_of(folder: Path, name: str, version: int = 0) -> PartRecord:
    """Return the record of a part from its own manifest.

    Raises:
        EvidenceIndexError: The folder is not an index, or its manifest is damaged.
    """
    manifest = read_manifest(folder)
    return PartRecord(
        name=name,
        version=version,
        n_passages=manifest.n_passages,
        content_hash=manifest.content_hash,
    )


def part_name(number: int) -> str:
    """Return the name of a part.

    >>> part_name(3)
    'part-00003'
    """
    return f"part-{number:05d}"
