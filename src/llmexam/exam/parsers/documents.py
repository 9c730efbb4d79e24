"""Exam files that are no lists of records, such as quizzes of learning platforms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from llmexam.exam.parsers import aiken, gift, moodle_xml, qti
from llmexam.exam.parsers.source import SourceFile
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
