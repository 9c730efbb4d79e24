"""Audit an exam for errors, answer bias, duplicates and overlap with other files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmexam.errors import ExamError, plural
from llmexam.exam.audit import AuditResult, Overlap
from llmexam.exam.audit.balance import check_balance, measure_balance
from llmexam.exam.audit.finding import SEVERITIES, Finding, Rows, invalid_rows
from llmexam.exam.audit.flaws import check_flaws
from llmexam.exam.audit.overlap import find_in_exam, find_in_text, summarise
from llmexam.exam.audit.repeats import check_near, check_repeats
from llmexam.exam.audit.texts import check_texts
from llmexam.exam.audit.writing import check_writing
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import (
    ExamSource,
    RowsRead,
    detect_format,
    read_rows,
    read_rows_with,
)
from llmexam.exam.parsers.source import SourceFile

TEXT_SUFFIXES = frozenset(
    {".txt", ".md", ".rst", ".yaml", ".yml", ".py", ".j2", ".jinja", ".prompt"}
)
"""Files of these names are plain texts to be searched, never exams."""

# Files of these names are exams, so that one that cannot be read is an error.
_DATA_SUFFIXES = frozenset(
    {".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".xml", ".zip", ".gift"}
)


def audit_exam(
    exam: str | Path | ExamSource | Exam,
    *,
    against: Sequence[str | Path | Exam] = (),
    format: str | None = None,
    near_threshold: float = 0.7,
    seed: int = 0,
    flaws: bool = False,
) -> AuditResult:
    """Check an exam for invalid data, duplicates, biases and overlap with other files.

    Unlike `read_exam`, it does not fail on invalid records or repeated ids: they are reported
    as findings.

    Args:
        exam: An exam, the path of one, or `bundled` for the sample.
        against: Exams, or paths of exams or plain texts (prompt files), that should share no
            question with it, such as training sets and few-shot prompts.
        format: Format of `exam` if it is a path; None detects it.
        near_threshold: Jaccard similarity of three-word shingles, above 0 and up to 1, from which
            two prompts are near duplicates.
        seed: Random seed of the simulation and of the MinHash permutations.
        flaws: Whether to report breaches of item-writing rules too.

    Raises:
        ExamError: A whole file is unreadable, or the threshold is out of range.
    """
    if not 0 < near_threshold <= 1:
        raise ExamError(
            f"expected a similarity above 0 and up to 1, got {near_threshold:g}",
            field="near_threshold",
            hint="The usual value is 0.7",
        )
    name, form, rows, faults, notes = _rows_of(exam, format)
    near, overlaps = check_near(rows, file=name, threshold=near_threshold, seed=seed)
    balance = measure_balance(rows, seed=seed)
    findings = [
        *invalid_rows(faults),
        *(Finding("reading", "note", note) for note in notes),
        *check_repeats(rows),
        *check_texts(rows),
        *check_balance(balance),
        *check_writing(rows, longest_is_known=balance.leak_is_clear),
        *near,
        *(check_flaws(rows) if flaws else ()),
    ]
    names = []
    for other in against:
        other_name, found, n_faults = _overlaps_with(
            rows, other, threshold=near_threshold, seed=seed
        )
        names.append(other_name)
        overlaps += found
        findings += summarise(found, file=other_name)
        if n_faults:
            findings.append(
                Finding(
                    "not compared",
                    "warning",
                    f"{plural(n_faults, 'invalid row')} of {other_name} could not be compared",
                )
            )
    sizes = [len(question.options) for _, question in rows]
    return AuditResult(
        source=name,
        format=form,
        n_questions=len(rows),
        n_answers=sum(question.answer is not None for _, question in rows),
        min_options=min(sizes, default=0),
        max_options=max(sizes, default=0),
        against=tuple(names),
        findings=tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
        overlaps=tuple(overlaps),
        letters=balance.letters,
        skew_p_value=balance.skew_p_value,
        length_leak=balance.leak,
        near_threshold=near_threshold,
        seed=seed,
    )


def _rows_of(
    exam: str | Path | ExamSource | Exam, format: str | None
) -> tuple[str, str, Rows, Sequence[ExamError], tuple[str, ...]]:
    if isinstance(exam, Exam):
        return exam.source or "exam", exam.format, list(enumerate(exam, 1)), (), exam.notes
    if isinstance(exam, ExamSource):
        read = read_rows_with(exam.path, exam.options)
        _require_some(read)
        rows = read.rows[: exam.options.limit]
        return str(exam), read.format, rows, read.faults, read.notes
    read = read_rows(exam, format=format)
    _require_some(read)
    return str(exam), read.format, read.rows, read.faults, read.notes


def _overlaps_with(
    rows: Rows, other: str | Path | Exam, *, threshold: float, seed: int
) -> tuple[str, list[Overlap], int]:
    if isinstance(other, Exam):
        name = other.source or "exam"
        others: Rows = list(enumerate(other, 1))
        return name, find_in_exam(rows, others, file=name, threshold=threshold, seed=seed), 0
    source = SourceFile.load(other, is_strict=False)
    if _is_plain_text(source):
        return str(other), find_in_text(rows, source.text, file=str(other)), 0
    read = read_rows(source)
    _require_some(read)
    found = find_in_exam(rows, read.rows, file=str(other), threshold=threshold, seed=seed)
    return str(other), found, len(read.faults)


def _require_some(read: RowsRead) -> None:
    """Check that a file has a valid question: an exam without any was not read.

    Raises:
        ExamError: It has none; tells what is wrong with the first.
    """
    if read.rows or not read.faults:
        return
    first = read.faults[0]
    raise ExamError(
        f"none of {plural(len(read.faults), 'row')} is a valid question; row {first.row}: "
        f"{first.message}",
        file=read.source.path,
        row=first.row,
        field=first.field,
        hint=first.hint,
    )


def _is_plain_text(source: SourceFile) -> bool:
    if source.path.suffix.lower() in TEXT_SUFFIXES:
        return True
    if source.path.suffix.lower() in _DATA_SUFFIXES:
        return False
    return detect_format(source) is None
