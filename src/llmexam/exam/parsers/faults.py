"""Faulty rows of an exam: all of them are told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmexam.errors import ExamError
from llmexam.exam.question import Question

_MOST_FAULTS = 10


def with_distinct_ids(
    rows: Sequence[tuple[int, Question]], faults: Sequence[ExamError], file: Path
) -> tuple[list[tuple[int, Question]], list[ExamError]]:
    """Return the questions with distinct ids, and the errors with those of repeated ids."""
    if len({question.id for _, question in rows}) == len(rows):
        return list(rows), list(faults)
    first: dict[str, int] = {}
    kept, found = [], list(faults)
    for row, question in rows:
        earlier = first.setdefault(question.id, row)
        if earlier == row:
            kept.append((row, question))
            continue
        found.append(
            ExamError(
                f"duplicate id '{question.id}', first used in row {earlier}",
                file=file,
                row=row,
                field="id",
                hint="Give every question a unique id",
            )
        )
    if len(found) > len(faults):
        found.sort(key=lambda error: error.row or 0)
    return kept, found


def listed(faults: Sequence[ExamError], n_rows: int) -> ExamError:
    """Return the error of the first faulty row, which also names the others."""
    first = faults[0]
    message = first.message
    if len(faults) > 1:
        others = named(faults[1:], with_files=_is_of_several_files(faults))
        message += f" ({len(faults)} of {n_rows} rows are faulty; also {others})"
    hint = f"{first.hint}. " if first.hint else ""
    hint += "To leave faulty rows out, use --on-faulty skip"
    return ExamError(message, file=first.file, row=first.row, field=first.field, hint=hint)


def named(faults: Sequence[ExamError], *, with_files: bool | None = None) -> str:
    """Return the rows of faults with what is wrong; of many, how many more there are.

    Args:
        faults: The errors of the rows.
        with_files: Whether files are named; None names them if there are several.
    """
    if with_files is None:
        with_files = _is_of_several_files(faults)
    texts = [
        (f"{fault.file} " if with_files else "")
        + f"row {fault.row}"
        + (f" '{fault.field}'" if fault.field else "")
        + f": {fault.message}"
        for fault in faults[:_MOST_FAULTS]
    ]
    more = len(faults) - _MOST_FAULTS
    return "; ".join(texts) + (f"; and {more} more" if more > 0 else "")


def _is_of_several_files(faults: Sequence[ExamError]) -> bool:
    return len({fault.file for fault in faults}) > 1
