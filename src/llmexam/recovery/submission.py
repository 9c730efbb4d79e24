"""Submissions of prompt recovery: a CSV file with the columns `id` and `rewrite_prompt`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmexam.errors import SubmissionError
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.writers import csv_text
from llmexam.recovery.rewrites import RewriteExam
from llmexam.storage.atomic import write_text

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
    source = SourceFile.load(path)
    for name in COLUMNS:
        if name not in source.csv_header:
            raise SubmissionError(
                f"column '{name}' is missing; found: {', '.join(source.csv_header)}", file=path
            )
    known = set(exam.ids) if exam is not None else None
    found: dict[str, str] = {}
    for row, record in enumerate(source.csv_records(), 1):
        cells = record.as_dict()
        one, prompt = cells["id"], cells["rewrite_prompt"]
        if one in found:
            raise SubmissionError(f"id '{one}' appears twice", file=path, row=row, field="id")
        if known is not None and one not in known:
            raise SubmissionError(
                f"the exam has no row with the id '{one}'",
                file=path,
                row=row,
                field="id",
                hint="Use the ids of the exam",
            )
        _require_prompt(prompt, row, path)
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
    if not prompt.strip():
        raise SubmissionError(
            "the prompt is blank",
            file=path,
            row=row,
            field="rewrite_prompt",
            hint="Give any text: graders refuse a blank one",
        )
