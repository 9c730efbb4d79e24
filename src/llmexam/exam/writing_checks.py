"""Checks of an exam before it is written in a format that cannot store everything."""

from __future__ import annotations

import re

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def require_one_right(exam: Exam) -> None:
    """Check that no question has several right options.

    Raises:
        ExamError: One has; names its row.
    """
    for row, question in enumerate(exam, 1):
        if question.right:
            raise _fault(
                exam,
                row,
                f"question '{question.id}' has several right options ({question.right_letters}), "
                "which this format cannot store",
                "Use --to jsonl, which stores all of them",
            )


def require_answers_to_write(exam: Exam, format: str) -> None:
    """Check that every question has a right option.

    Raises:
        ExamError: One has none; names its row.
    """
    for row, question in enumerate(exam, 1):
        if question.answer is None:
            raise _fault(
                exam,
                row,
                f"question '{question.id}' has no answer, which format '{format}' needs",
                "Remove questions without answers, or use --to jsonl",
            )


def require_text(exam: Exam, *, blank_options: bool = True) -> None:
    """Check that all texts can be stored in XML and GIFT.

    Args:
        exam: The exam.
        blank_options: Whether options may be blank.

    Raises:
        ExamError: A text has a control character, or an option is blank; names its row.
    """
    for row, question in enumerate(exam, 1):
        for text in (question.prompt, *question.options, *question.metadata.values()):
            if found := _NOT_IN_XML.search(text):
                raise _fault(
                    exam,
                    row,
                    f"question '{question.id}' has the control character "
                    f"U+{ord(found[0]):04X}, which this format cannot store",
                    "Remove it, or use --to jsonl",
                )
        if not blank_options and not all(option.strip() for option in question.options):
            raise _fault(
                exam,
                row,
                f"question '{question.id}' has a blank option, which this format cannot store",
                "Use --to moodle-xml or --to jsonl",
            )


def is_true_false(question: Question) -> bool:
    """Return whether a question has the options True and False, one of them right."""
    return question.options == ("True", "False") and not question.right


def _fault(exam: Exam, row: int, message: str, hint: str) -> ExamError:
    return ExamError(message, file=exam.source or None, row=row, field="answer", hint=hint)
