"""The questions and errors of exam files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmexam.errors import ExamError
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.question import Question


@dataclass(frozen=True)
class RowsRead:
    """Questions and errors of an exam file.

    Attributes:
        source: The file; the first of several.
        format: Name of its format.
        rows: Row and question of every valid record; rows count from 1, on over several files.
        faults: The errors of invalid records; each has its row.
        notes: What the user should know about how the file was read.
        sha256: SHA-256 of the file; for several files, of their hashes.
    """

    source: SourceFile
    format: str
    rows: tuple[tuple[int, Question], ...]
    faults: tuple[ExamError, ...]
    notes: tuple[str, ...] = ()
    sha256: str = ""


def join_files(parts: Sequence[tuple[str, RowsRead]], notes: Sequence[str] = ()) -> RowsRead:
    """Return the rows of several files as those of one exam.

    Args:
        parts: The rows of each file with its short name, which goes before the ids.
        notes: Notes on the files together.
    """
    rows: list[tuple[int, Question]] = []
    faults: list[ExamError] = []
    start = 0
    for name, part in parts:
        for row, question in part.rows:
            metadata = {**question.metadata, "file": str(part.source.path)}
            own = replace(question, id=f"{name}/{question.id}", metadata=metadata)
            rows.append((start + row, own))
        faults += part.faults
        start += len(part.rows) + len(part.faults)
    digest = hashlib.sha256("\n".join(part.sha256 for _, part in parts).encode())
    return RowsRead(
        parts[0][1].source,
        ", ".join(dict.fromkeys(part.format for _, part in parts)),
        tuple(rows),
        tuple(faults),
        (*notes, *(f"{name}: {note}" for name, part in parts for note in part.notes)),
        digest.hexdigest(),
    )
