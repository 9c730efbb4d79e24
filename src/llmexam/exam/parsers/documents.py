"""Exam files that are no lists of records, such as quizzes of learning platforms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.parsers import aiken, gift, moodle_xml, qti
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.parsers.xml_file import is_xml, root_name
from llmexam.exam.question import Question


@dataclass(frozen=True)
class ExamFormat:
    """A format of exam files that has its own parser.

    Attributes:
        summary: One-line description.
        looks_like: Whether a file has this format.
        records: Returns the file's records in order; raises errors of the file as a whole.
        to_question: Parses a record, given its row from 1; raises errors of the record.
        notes: Returns what the user should know about how a file was read.
    """

    summary: str
    looks_like: Callable[[SourceFile], bool]
    records: Callable[[SourceFile], Iterable[Any]]
    to_question: Callable[[Any, int], Question]
    notes: Callable[[SourceFile], tuple[str, ...]]


DOCUMENTS: dict[str, ExamFormat] = {
    "moodle-xml": ExamFormat(
        "XML of Moodle: multiple choice (one or several right options), true/false",
        moodle_xml.looks_like,
        moodle_xml.records,
        moodle_xml.to_question,
        moodle_xml.notes,
    ),
    "qti": ExamFormat(
        "QTI 1.2, 2 and 3 (XML): choice items, tests, packages (.zip or a folder)",
        qti.looks_like,
        qti.records,
        qti.to_question,
        qti.notes,
    ),
    "gift": ExamFormat(
        "GIFT, a text format of Moodle: multiple choice, true/false",
        gift.looks_like,
        gift.records,
        gift.to_question,
        gift.notes,
    ),
    "aiken": ExamFormat(
        "Aiken, a text format of Moodle: options A., B., ... and a line ANSWER: B",
        aiken.looks_like,
        aiken.records,
        aiken.to_question,
        aiken.notes,
    ),
}
"""All such formats by name, in the order in which they are tried."""


def document_of(source: SourceFile, format: str | None) -> str | None:
    """Return the name of a file's format if it has a parser of its own, else None.

    Args:
        source: The file.
        format: The format that the user gave, if any.

    Raises:
        ExamError: It is XML of no known format.
    """
    if format is not None:
        return format if format in DOCUMENTS else None
    if source.is_parquet or source.data[:1] in (b"{", b"["):
        return None
    start = source if is_xml(source.data) else source.start
    found = next((name for name, form in DOCUMENTS.items() if _looks_like(form, start)), None)
    if found is None and is_xml(source.data):
        raise source.error(
            "cannot detect the exam format of an XML file with the first element "
            f"<{root_name(source)}>",
            hint="Give Moodle XML (<quiz>), or an item, a test or a package of QTI",
        )
    return found


def _looks_like(form: ExamFormat, source: SourceFile) -> bool:
    try:
        return form.looks_like(source)
    except ExamError:
        # It is no text, such as a workbook.
        return False
