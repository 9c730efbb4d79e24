"""Submissions of prompt recovery: a CSV file with the columns `id` and `rewrite_prompt`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from llmexam.errors import ExamError, SubmissionError
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.submission import submission_cells
from llmexam.exam.writers import csv_text
from llmexam.recovery.recognition import is_run_answers, is_separated_otherwise
from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.run_answers import parse_answers
from llmexam.recovery.wording import READ_AS_MISSING, is_blank
from llmexam.storage.atomic import write_text

Answer = TypeVar("Answer")

COLUMNS = ("id", "rewrite_prompt")


def submission_text(ids: Sequence[str], prompts: Sequence[str]) -> str:
    """Return a submission.

    Args:
        ids: The ids, in the order of the exam.
        prompts: One recovered prompt for each.

    Raises:
        SubmissionError: There are no rows, or a prompt is blank: graders refuse both.
    """
    if not ids:
        raise SubmissionError("the submission has no rows")
    for row, prompt in enumerate(prompts, 1):
        _require_prompt(prompt, row)
    return csv_text(COLUMNS, zip(ids, prompts, strict=True))


def write_submission(path: str | Path, ids: Sequence[str], prompts: Sequence[str]) -> None:
    """Write a submission to a file, whole or not at all.

    Raises:
        SubmissionError: There are no rows, or a prompt is blank.
    """
    write_text(path, submission_text(ids, prompts))


def read_submission(path: str | Path, exam: RewriteExam | None = None) -> dict[str, str]:
    """Read and check a submission.

    Args:
        path: The file; further columns are ignored.
        exam: If given, the submission must have a prompt for each of its rows and no others.

    Returns:
        Prompts by id, in the order of the exam if one is given, else of the file.

    Raises:
        SubmissionError: The file cannot be read, a column is missing, an id is unknown, missing or
            there twice, or a prompt is blank.
    """
    return _checked(_load(path, _csv_answers), exam, path)


def read_prompts(path: str | Path, exam: RewriteExam | None = None) -> dict[str, str]:
    """Read recovered prompts: a submission, or a file of answers in the folder of a run.

    Args:
        path: The file.
        exam: If given, the file must have a prompt for each of its rows and no others.

    Returns:
        Prompts by id, in the order of the exam if one is given, else of the file.

    Raises:
        SubmissionError: The file cannot be read, an id is unknown, missing or there twice, or a
            prompt is blank.
    """
    return {one: recovery.text for one, recovery in read_recoveries(path, exam).items()}


def read_recoveries(path: str | Path, exam: RewriteExam | None = None) -> dict[str, Recovery]:
    """Read recovered prompts as `read_prompts` does, with candidates and confidence if there.

    Raises:
        SubmissionError: As `read_prompts`.
    """
    found = dict(answers := _load(path, _any_answers))
    prompts = _checked(((one, recovery.text) for one, recovery in answers), exam, path)
    return {one: found[one] for one in prompts}


def validate_submission(path: str | Path, exam: RewriteExam) -> dict[str, str]:
    """Check that graders would accept a submission, and return it as `read_submission` does.

    Raises:
        SubmissionError: As `read_submission`, or a prompt is a text such as "NaN", which graders
            that use pandas read as a missing value.
    """
    return _checked(_load(path, _csv_answers), exam, path, is_strict=True)


def _load(
    path: str | Path, read: Callable[[SourceFile], Iterable[tuple[str, Answer]]]
) -> list[tuple[str, Answer]]:
    """Return ids and prompts of a file; errors of any kind are errors of the submission."""
    try:
        found = list(read(SourceFile.load(path)))
    except SubmissionError:
        raise
    except ExamError as error:
        is_empty = error.message == "the file is empty"
        hint = "Write a header and one row for each row of the exam" if is_empty else error.hint
        raise SubmissionError(
            error.message, file=path, row=error.row, field=error.field, hint=hint
        ) from None
    if not found:
        raise SubmissionError(
            "the file has no predictions", file=path, hint="Add rows below the header"
        )
    return found


def _csv_answers(source: SourceFile) -> Iterator[tuple[str, str]]:
    if source.is_parquet:
        raise SubmissionError(
            "expected CSV, got Parquet", file=source.path, hint="Export it as CSV"
        )
    header = source.csv_header
    for name in COLUMNS:
        if name not in header:
            raise SubmissionError(
                f"column '{name}' is missing; found: {', '.join(header)}",
                file=source.path,
                field=name,
                hint="Separate the columns by commas"
                if is_separated_otherwise(header)
                else "The format is id,rewrite_prompt",
            )
    for cells in submission_cells(source):
        yield cells["id"], cells["rewrite_prompt"]


def _any_answers(source: SourceFile) -> Iterator[tuple[str, Recovery]]:
    if not source.is_parquet and is_run_answers(source):
        yield from parse_answers(source.text, source.path)
        return
    for one, prompt in _csv_answers(source):
        yield one, Recovery(prompt)


def _checked(
    answers: Iterable[tuple[str, str]],
    exam: RewriteExam | None,
    path: str | Path,
    *,
    is_strict: bool = False,
) -> dict[str, str]:
    known = set(exam.ids) if exam is not None else None
    found: dict[str, str] = {}
    first: dict[str, int] = {}
    for row, (one, prompt) in enumerate(answers, 1):
        if not one.strip():
            raise SubmissionError(
                "the id is blank", file=path, row=row, field="id", hint="Use the ids of the exam"
            )
        if one in first:
            raise SubmissionError(
                f"id '{one}' appears twice, first in row {first[one]}",
                file=path,
                row=row,
                field="id",
                hint="Give each id once",
            )
        first[one] = row
        if known is not None and one not in known:
            raise SubmissionError(
                f"the exam has no row with the id '{one}'",
                file=path,
                row=row,
                field="id",
                hint="Remove the spaces around it"
                if one.strip() in known
                else "Use the ids of the exam",
            )
        _require_prompt(prompt, row, path)
        if is_strict and prompt.strip() in READ_AS_MISSING:
            raise SubmissionError(
                f"graders that use pandas read the prompt '{prompt}' as a missing value",
                file=path,
                row=row,
                field="rewrite_prompt",
                hint="Give another text",
            )
        found[one] = prompt
    if exam is None:
        return found
    missing = [one for one in exam.ids if one not in found]
    if missing:
        raise SubmissionError(
            f"{len(missing)} of {len(exam)} rows have no prompt; the first is '{missing[0]}'",
            file=path,
            field="id",
            hint="Give one prompt for each row of the exam",
        )
    return {one: found[one] for one in exam.ids}


def _require_prompt(prompt: str, row: int, path: str | Path | None = None) -> None:
    if is_blank(prompt):
        raise SubmissionError(
            "the prompt is blank",
            file=path,
            row=row,
            field="rewrite_prompt",
            hint="Give any text: graders refuse a blank one",
        )
