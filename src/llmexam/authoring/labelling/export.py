"""Export what labellers accepted or corrected as an exam."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from llmexam.authoring.labelling.labels import Label, last_decisions, require_questions
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question


def accepted_exam(exam: Exam, labels: Iterable[Label]) -> Exam:
    """Return the questions that most labellers accepted or corrected, corrections applied.

    A question is kept if more labellers accept or correct it than reject it. If several corrected
    it, the last correction counts. Metadata `labellers` and `label` say who decided, and whether
    the question was corrected.

    Args:
        exam: The questions.
        labels: The labels.

    Raises:
        ExamError: A label is of another version of its question.
    """
    by_id: dict[str, list[Label]] = {}
    given = list(labels)
    hashes = dict(zip(exam.ids, exam.question_hashes, strict=True))
    require_questions(given, hashes, file=exam.source or None)
    for decided in last_decisions(given).values():
        for label in decided.values():
            by_id.setdefault(label.id, []).append(label)
    kept = []
    for question in exam:
        found = by_id.get(question.id, [])
        n_kept = sum(label.decision != "reject" for label in found)
        if n_kept > len(found) - n_kept:
            kept.append(_labelled(question, found))
    return replace(exam, questions=tuple(kept), source_hash="")


def _labelled(question: Question, labels: list[Label]) -> Question:
    corrections = [label for label in labels if label.mended is not None]
    metadata = {
        **question.metadata,
        "labellers": ", ".join(sorted(label.labeller for label in labels)),
        "label": "mended" if corrections else "accepted",
    }
    if not corrections:
        return replace(question, metadata=metadata)
    mended = max(corrections, key=lambda label: label.time).mended
    assert mended is not None
    return replace(
        question,
        prompt=mended.prompt,
        options=mended.options,
        answer=mended.answer,
        metadata=metadata,
        # The form shows one key, so a corrected question has one right option.
        right=(),
    )
