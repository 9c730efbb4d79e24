"""Supported exam formats, and detection of a file's format by its content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from llmexam.errors import ExamError, nearest
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import alpaca, arc, jsonl, kaggle, mmlu
from llmexam.exam.parsers.source import SourceFile, parse_json
from llmexam.exam.question import Question
from llmexam.sample import exam_path


@dataclass(frozen=True)
class ExamFormat:
    """A format of exam files.

    Attributes:
        summary: One-line description.
        looks_like: Whether a file has this format.
        records: Returns the file's records in order; raises errors of the file as a whole.
        to_question: Parses a record, given its row from 1; raises errors of the record.
        container: Type of the file; detection tries only formats of the same container.
    """

    summary: str
    looks_like: Callable[[SourceFile], bool]
    records: Callable[[SourceFile], Iterable[Any]]
    to_question: Callable[[Any, int], Question]
    container: Literal["csv", "json", "parquet"] = "json"


def _parquet_records(source: SourceFile) -> Iterator[dict[str, Any]]:
    # pyarrow takes longer to import than most exams to read.
    from llmexam.exam.parsers import scienceqa

    if not source.is_parquet:
        raise source.error("expected a Parquet file", hint="Choose another --format")
    return scienceqa.records(source)


def _parquet_question(record: dict[str, Any], row: int) -> Question:
    from llmexam.exam.parsers import scienceqa

    return scienceqa.to_question(record, row)


FORMATS: dict[str, ExamFormat] = {
    "kaggle": ExamFormat(
        "CSV: id,prompt,A,B,C,D,E,answer, with an optional context",
        kaggle.looks_like,
        kaggle.records,
        kaggle.to_question,
        container="csv",
    ),
    "mmlu": ExamFormat(
        "CSV: question,choice0,choice1,...,answer; also the original files without a header",
        mmlu.looks_like,
        mmlu.records,
        mmlu.to_question,
        container="csv",
    ),
    "jsonl": ExamFormat(
        "JSON Lines: id, prompt, options, answer, passages, metadata",
        jsonl.looks_like,
        jsonl.records,
        jsonl.to_question,
    ),
    "arc": ExamFormat(
        "JSON Lines (ARC): question, labelled choices, answerKey",
        arc.looks_like,
        arc.records,
        arc.to_question,
    ),
    "commonsenseqa": ExamFormat(
        "JSON Lines (CommonsenseQA): as ARC, plus question_concept",
        arc.looks_like_commonsenseqa,
        arc.records,
        arc.to_question,
    ),
    "alpaca": ExamFormat(
        "JSON list (Alpaca): instruction, input with the options, output",
        alpaca.looks_like,
        alpaca.records,
        alpaca.to_question,
    ),
    "scienceqa": ExamFormat(
        "Parquet (ScienceQA): question, choices, answer",
        lambda source: source.is_parquet,
        _parquet_records,
        _parquet_question,
        container="parquet",
    ),
}
"""All forms by name, in the order in which they are tried."""


@dataclass(frozen=True)
class RowsRead:
    """Questions and errors of an exam file.

    Attributes:
        source: The file.
        format: Name of its format.
        rows: Row and question of every valid record; rows count from 1.
        faults: The errors of invalid records; each has its row.
    """

    source: SourceFile
    format: str
    rows: tuple[tuple[int, Question], ...]
    faults: tuple[ExamError, ...]


def read_exam(path: str | Path, *, format: str | None = None) -> Exam:
    """Read an exam file.

    Args:
        path: The file, or `bundled` for the sample exam.
        format: A key of `FORMATS`; None detects the format.

    Raises:
        ExamError: The file or a record is invalid; names file, row and field.
    """
    source = SourceFile.load(exam_path(path))
    name = _choose(source, format)
    questions = []
    for _, found in _each(source, FORMATS[name]):
        if isinstance(found, ExamError):
            raise found
        questions.append(found)
    return Exam(tuple(questions), source=str(source.path), format=name, source_hash=source.sha256)


def read_rows(path: str | Path | SourceFile, *, format: str | None = None) -> RowsRead:
    """Read an exam file and collect the errors of invalid records instead of raising them.

    Ids may repeat.

    Raises:
        ExamError: The file as a whole is unreadable.
    """
    source = path if isinstance(path, SourceFile) else SourceFile.load(path)
    name = _choose(source, format)
    found = list(_each(source, FORMATS[name]))
    return RowsRead(
        source,
        name,
        rows=tuple((row, one) for row, one in found if isinstance(one, Question)),
        faults=tuple(one for _, one in found if isinstance(one, ExamError)),
    )


def detect_format(source: SourceFile) -> str | None:
    """Return the name of a file's format, or None.

    Raises:
        ExamError: The file is neither text nor Parquet.
    """
    # The text of a Parquet file cannot be read.
    is_json = not source.is_parquet and source.text.lstrip()[:1] in ("{", "[")
    container = "parquet" if source.is_parquet else "json" if is_json else "csv"
    for name, form in FORMATS.items():
        if form.container == container and form.looks_like(source):
            return name
    return None


def _choose(source: SourceFile, format: str | None) -> str:
    if format is not None:
        if format not in FORMATS:
            raise ExamError(f"unknown exam format '{format}'", hint=nearest(format, FORMATS))
        return format
    name = detect_format(source)
    if name is not None:
        return name
    start = source.text.lstrip().split("\n", 1)[0].strip()
    if start.startswith("{") and not source.first_json:
        try:
            parse_json(start, "line 1")
        except ExamError as error:
            raise source.error(error.message, row=1, hint="Write one {...} per line") from None
    if not start.startswith(("{", "[")) and {"id", "prediction"} == set(source.csv_header):
        raise source.error(
            "expected an exam, got a submission", hint="Give the file with the questions"
        )
    shown = start if len(start) <= 80 else start[:77] + "..."
    forms = "; ".join(f"{name} ({form.summary})" for name, form in FORMATS.items())
    raise source.error(
        f"cannot detect the exam format; the file starts with: {shown}",
        hint=f"Choose the format with --format: {forms}",
    )


def _each(source: SourceFile, form: ExamFormat) -> Iterator[tuple[int, Question | ExamError]]:
    row = 0
    for row, record in enumerate(form.records(source), 1):
        try:
            yield row, form.to_question(record, row)
        except ExamError as error:
            yield (
                row,
                ExamError(
                    error.message,
                    file=source.path,
                    row=row,
                    field=error.field,
                    hint=error.hint,
                ),
            )
    if row == 0:
        raise source.error("the file has no questions", hint="Add rows below the header")
