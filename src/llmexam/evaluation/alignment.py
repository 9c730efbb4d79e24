"""Align predictions with the order of an exam, and report questions that do not match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from llmexam.errors import ExamError, ScoreError, SubmissionError
from llmexam.evaluation.rankings import Rankings, pack_rankings
from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of
from llmexam.exam.scores import ScoreMatrix

_N_NAMED = 5


def require_answers(exam: Exam) -> None:
    """Check that an exam has an answer for every question.

    Raises:
        ExamError: It is empty, or a question has no answer.
    """
    if not len(exam):
        raise ExamError("the exam has no questions to grade", file=exam.source or None)
    missing = [question.id for question in exam if question.answer is None]
    if missing:
        raise ExamError(
            f"{len(missing)} of {len(exam)} questions have no answer: {name_ids(missing)}",
            file=exam.source or None,
            field="answer",
            hint="Grading needs an exam with answers to all questions",
        )


def align_scores(exam: Exam, scores: ScoreMatrix) -> ScoreMatrix:
    """Return the scores with rows in the order of the exam.

    Raises:
        ScoreError: Ids or numbers of options differ from those of the exam.
    """
    problem = _compare_ids(exam.ids, scores.question_ids)
    if problem:
        raise ScoreError(
            f"the scores do not belong to this exam: {problem}",
            hint="Grade the scores with the exam that they were computed from",
        )
    if scores.question_ids != exam.ids:
        place = {question_id: row for row, question_id in enumerate(scores.question_ids)}
        scores = scores.subset([place[question_id] for question_id in exam.ids])
    n_options = np.array([len(question.options) for question in exam], dtype=np.int64)
    expected = np.arange(scores.present.shape[1]) < n_options[:, None]
    wrong = np.flatnonzero(
        (expected != scores.present).any(axis=1) | (scores.n_options != n_options)
    )
    if len(wrong):
        row = int(wrong[0])
        raise ScoreError(
            f"question '{exam[row].id}': expected {n_options[row]} scores as in the "
            f"exam, got {scores.n_options[row]}",
            hint="Grade the scores with the exam that they were computed from",
        )
    return scores


def align_rankings(exam: Exam, rankings: Mapping[str, Sequence[int]]) -> Rankings:
    """Return submitted rankings in the order of the exam, padded with -1.

    Raises:
        SubmissionError: The ids differ from those of the exam, or a label is not an option
            of its question.
    """
    problem = _compare_ids(exam.ids, list(rankings))
    if problem:
        raise SubmissionError(
            f"the submission does not belong to this exam: {problem}",
            hint="A submission has one row per question of the exam",
        )
    packed = pack_rankings([rankings[question_id] for question_id in exam.ids])
    n_options = np.array([len(question.options) for question in exam], dtype=np.int64)
    wrong = np.argwhere(packed >= n_options[:, None])
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        raise SubmissionError(
            f"question '{exam[row].id}': expected letters of "
            f"A-{letter_of(int(n_options[row]) - 1)}, got "
            f"{letter_of(int(packed[row, column]))}"
        )
    return packed


def name_ids(ids: Sequence[str]) -> str:
    """Return the first few ids, quoted, and how many more there are.

    >>> name_ids(["a", "b"])
    "'a', 'b'"
    """
    named = ", ".join(f"'{question_id}'" for question_id in ids[:_N_NAMED])
    more = len(ids) - _N_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _compare_ids(expected: Sequence[str], found: Iterable[str]) -> str:
    """Return a description of missing, unknown and repeated ids; empty if there are none."""
    counts = Counter(found)
    missing = [question_id for question_id in expected if question_id not in counts]
    valid = set(expected)
    unknown = [question_id for question_id in counts if question_id not in valid]
    repeated = [question_id for question_id, n in counts.items() if n > 1]
    parts = [
        f"{len(ids)} {what} ({name_ids(ids)})"
        for ids, what in ((missing, "missing"), (unknown, "unknown"), (repeated, "repeated"))
        if ids
    ]
    return "; ".join(parts)
