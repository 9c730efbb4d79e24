"""The format of "Kaggle - LLM Science Exam": CSV with `id,prompt,A,B,C,D,E,answer`.

Without an `id` column, the index from 0 is the id; `answer` is optional; there may be 2 to 26
option columns from A on; a `context` column becomes passages. All other columns become metadata.
Cells are literal texts: "None", "NA" and "null" are not missing values.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_uppercase

from llmexam.errors import ExamError
from llmexam.exam.context import split_context
from llmexam.exam.letters import MIN_OPTIONS
from llmexam.exam.parsers.fields import answer_letter, id_of
from llmexam.exam.parsers.source import CsvRecord, SourceFile
from llmexam.exam.question import Question


def looks_like(source: SourceFile) -> bool:
    """Return whether the header has a prompt or the first options (`records` checks the rest)."""
    header = source.csv_header
    return "prompt" in header or {"A", "B"} <= set(header)


def records(source: SourceFile) -> Iterator[CsvRecord]:
    """Return the records after checking the header.

    Raises:
        ExamError: A column is missing.
    """
    header = source.csv_header
    for name in ("prompt", *ascii_uppercase[:MIN_OPTIONS]):
        if name not in header:
            raise _missing_column(source, name)
    letters = [name for name in header if name in ascii_uppercase and len(name) == 1]
    for letter in ascii_uppercase[: ascii_uppercase.index(max(letters)) + 1]:
        if letter not in letters:
            raise _missing_column(source, letter)
    return source.csv_records()


def to_question(record: CsvRecord, row: int) -> Question:
    """Return the question in one record.

    Raises:
        ExamError: The record is not a valid question.
    """
    cells = record.as_dict()
    letters = sorted(name for name in cells if name in ascii_uppercase and len(name) == 1)
    answer = answer_letter(cells["answer"], len(letters)) if "answer" in cells else None
    used = {"id", "prompt", "answer", "context", *letters}
    return Question(
        id=id_of(cells, row),
        prompt=cells["prompt"],
        options=tuple(cells[letter] for letter in letters),
        answer=answer,
        passages=split_context(cells.get("context", "")),
        metadata={name: cell for name, cell in cells.items() if name not in used},
    )


def _missing_column(source: SourceFile, name: str) -> ExamError:
    return ExamError(
        f"column '{name}' is missing; the header has: {', '.join(source.csv_header)}",
        file=source.path,
        field=name,
        hint="The format is id,prompt,A,B,...,answer with at least two options and "
        "consecutive letters",
    )
