"""Training questions with one right option each, as the losses of all readers need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmexam.errors import ExamError, plural
from llmexam.exam.audit.finding import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question


def with_one_right(exam: Exam) -> Exam:
    """Return an exam whose questions keep the first of several right options.

    The other right options are left out, because they are no wrong ones. Questions without any
    wrong option are left out too.

    Raises:
        ExamError: No question is left.
    """
    if not exam.has_several_right:
        return exam
    kept = tuple(_first_right(question) for question in exam if _has_wrong(question))
    if not kept:
        raise ExamError(
            "no training question has a wrong option",
            file=exam.source or None,
            hint="Train on questions that have wrong options",
        )
    return replace(exam, questions=kept)


def one_right_finding(exam: Exam) -> list[Finding]:
    """Return the finding of how questions with several right options are trained on."""
    rows = tuple(row for row, question in enumerate(exam, 1) if question.right)
    if not rows:
        return []
    text = (
        f"{plural(len(rows), 'training question')} with several right options: trained on the "
        "first right option against the wrong ones (family ranker leaves them out)"
    )
    return [Finding("several right options", "note", text, rows)]


def options_to_fit(questions: Sequence[Question]) -> list[list[int]]:
    """Return the indices of each question's first right option and of its wrong ones."""
    return [
        [i for i in range(len(q.options)) if i == q.answer or i not in q.right] for q in questions
    ]


def _first_right(question: Question) -> Question:
    if not question.right or question.answer is None:
        return question
    (kept,) = options_to_fit([question])
    options = tuple(question.options[i] for i in kept)
    return replace(question, options=options, answer=kept.index(question.answer), right=())


def _has_wrong(question: Question) -> bool:
    return len(question.right) < len(question.options)
