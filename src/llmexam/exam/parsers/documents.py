"""Exam files that are no lists of records, such as quizzes of learning platforms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

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
    """

    summary: str
    looks_like: Callable[[SourceFile], bool]
    records: Callable[[SourceFile], Iterable[Any]]
    to_question: Callable[[Any, int], Question]


DOCUMENTS: dict[str, ExamFormat] = {}
"""All such formats by name, in the order in which they are tried."""
