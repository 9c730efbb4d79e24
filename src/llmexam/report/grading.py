"""Results of each question: probabilities, ranks, ties and hardest questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.alignment import align_scores
from llmexam.evaluation.calibration import softmax
from llmexam.evaluation.rankings import best_right
from llmexam.exam.exam import Exam
from llmexam.report.content import SolverResult


@dataclass(frozen=True, eq=False)
class Grades:
    """The final result, question by question, in the exam's order.

    Attributes:
        ranking: Option indices, best first, shape `[n_questions, n_options]`, -1 behind the last.
        probabilities: Same shape; None where no temperature was fitted.
        answer_rank: Rank of the right option from 1, shape `[n_questions]`; the best of several, 0
            where not known.
        lead: What the first choice has over the second, shape `[n_questions]`: in probability
            where there is one, else in score.
        answer_margin: What the best right option has over the best wrong one, likewise; 0 where
            not known, or where no option is wrong.
        uncertain: Whether the lead is among the smallest quarter, shape `[n_questions]`.
        tied: Whether all options have the same score, shape `[n_questions]`.
        tied_first: Whether the right option has the same score as the first choice, and is not
            itself the first choice, shape `[n_questions]`.
    """

    ranking: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    answer_rank: NDArray[np.int64]
    lead: NDArray[np.float64]
    answer_margin: NDArray[np.float64]
    uncertain: NDArray[np.bool_]
    tied: NDArray[np.bool_]
    tied_first: NDArray[np.bool_]


def grade(exam: Exam, final: SolverResult) -> Grades:
    """Grade the final result question by question.

    Raises:
        ScoreError: The scores are not those of the exam's questions.
    """
    scores = align_scores(exam, final.scores)
    choice = final.evaluation.choice if final.evaluation else None
    calibration = choice.calibration if choice else None
    probabilities = softmax(scores, calibration.temperature) if calibration else None
    n = len(exam)
    if n == 0:
        none, no = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        return Grades(scores.ranking, None, none, np.zeros(0), np.zeros(0), no, no, no)
    values = scores.values.astype(np.float64) if probabilities is None else probabilities
    keyed = np.where(scores.present, values, -np.inf)
    ranking = scores.ranking
    answers = best_right(ranking, exam.is_right, exam.answers)
    # A question has two options or more, so there always is a second.
    best, second = ranking[:, 0], ranking[:, 1]
    rows = np.arange(n)
    lead = keyed[rows, best] - keyed[rows, second]
    known = answers >= 0
    answer_rank = np.where(known, (ranking == answers[:, None]).argmax(axis=1) + 1, 0)
    is_wrong = scores.present & ~exam.right_mask(keyed.shape[1])
    rival = np.where(is_wrong, keyed, -np.inf).max(axis=1)
    graded = known & np.isfinite(rival)
    margin = np.zeros(n)
    margin[graded] = keyed[rows, np.maximum(answers, 0)][graded] - rival[graded]
    uncertain = np.zeros(n, dtype=bool)
    uncertain[np.argsort(lead, kind="stable")[: n // 4]] = True
    # Compared by score, because different probabilities may be rounded to equal ones.
    raw = scores.values
    lowest = np.where(scores.present, raw, np.inf).min(axis=1)
    tied_first = (answer_rank > 1) & (raw[rows, np.maximum(answers, 0)] == raw[rows, best])
    return Grades(
        ranking,
        probabilities,
        answer_rank,
        lead,
        margin,
        uncertain,
        tied=lowest == raw[rows, best],
        tied_first=tied_first,
    )


def hardest(grades: Grades, limit: int) -> list[int]:
    """Return the wrong questions whose right option ranked worst; ties by the widest margin."""
    wrong = [int(i) for i in np.flatnonzero(grades.answer_rank > 1)]
    wrong.sort(key=lambda i: (-grades.answer_rank[i], grades.answer_margin[i], i))
    return wrong[:limit]


def confident_mistakes(grades: Grades, limit: int) -> list[int]:
    """Return the wrong questions whose first choice has the largest lead; none without a lead."""
    wrong = [int(i) for i in np.flatnonzero((grades.answer_rank > 1) & (grades.lead > 0))]
    wrong.sort(key=lambda i: (-grades.lead[i], i))
    return wrong[:limit]


def most_telling(grades: Grades, limit: int) -> set[int]:
    """Return the most informative questions, to show in full if the exam is long.

    Wrong ones come first, the widest margin against the right option first; then the others,
    the least certain first.
    """
    wrong = grades.answer_rank > 1
    order = np.lexsort((np.where(wrong, grades.answer_margin, grades.lead), ~wrong))
    return {int(i) for i in order[:limit]}
