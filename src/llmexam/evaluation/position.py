"""Position audit: how a solver's results change when the options are rotated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from llmexam.errors import ScoreError
from llmexam.evaluation.alignment import align_scores, require_answers
from llmexam.evaluation.metrics.registry import choice_metrics
from llmexam.evaluation.results import PositionAudit
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix

Score = Callable[[Sequence[Question]], ScoreMatrix]


def audit_positions(
    score: Score, exam: Exam, scores: ScoreMatrix | None = None, *, k: int = 3
) -> PositionAudit:
    """Score an exam under all rotations of its options and compare the results.

    A rotation by r puts the option at position r first. A question of n options has n rotations;
    if others have more options, its rotations repeat.

    Args:
        score: Function that scores questions, such as `solver.score`.
        exam: The questions, with answers.
        scores: Scores of the unrotated exam, if already computed.
        k: How many of the first options count, such as the k of MAP@k.

    Raises:
        ExamError: The exam is empty or lacks answers.
        ScoreError: The solver's scores do not match the questions.
    """
    require_answers(exam)
    unrotated = align_scores(exam, score(exam.questions) if scores is None else scores)
    rotations = [unrotated]
    n_rotations = int(unrotated.n_options.max())
    for shift in range(1, n_rotations):
        rotations.append(_score_rotated(score, exam, shift, rotations))
    metric = choice_metrics(k)[0]
    found = tuple(float(metric.values(exam, scores.ranking).mean()) for scores in rotations)
    firsts = np.stack([scores.ranking[:, 0] for scores in rotations])
    return PositionAudit(
        n_rotations=n_rotations,
        metric=metric.name,
        values=found,
        spread=max(found) - min(found),
        n_changed=int((firsts != firsts[0]).any(axis=0).sum()),
        n_questions=len(exam),
    )


def rotate(question: Question, shift: int) -> Question:
    """Return a question with its options rotated by `shift` positions towards A.

    >>> rotate(Question("q", "?", ("a", "b", "c"), answer=0), 1).options
    ('b', 'c', 'a')
    """
    n = len(question.options)
    return question.with_option_order([(place + shift) % n for place in range(n)])


def _score_rotated(
    score: Score, exam: Exam, shift: int, earlier: Sequence[ScoreMatrix]
) -> ScoreMatrix:
    """Return the scores of rotated questions, in the order of the original options."""
    # A question with fewer options repeats an earlier rotation, whose scores are reused.
    new = [i for i, question in enumerate(exam) if shift < len(question.options)]
    questions = [rotate(exam[i], shift) for i in new]
    scored = score(questions)
    if scored.question_ids != tuple(question.id for question in questions):
        raise ScoreError(f"the solver returned other question ids under rotation {shift}")
    values, truncated = earlier[0].values.copy(), earlier[0].truncated.copy()
    for i, question in enumerate(exam):
        same = earlier[shift % len(question.options)] if shift >= len(question.options) else None
        if same is not None:
            values[i], truncated[i] = same.values[i], same.truncated[i]
    for row, i in enumerate(new):
        n = len(exam[i].options)
        if int(scored.n_options[row]) != n:
            raise ScoreError(f"question '{exam[i].id}' has {n} options under rotation {shift}")
        # Scores return to the original positions, so that first choices can be compared.
        values[i, [(place + shift) % n for place in range(n)]] = scored.values[row, :n]
        truncated[i] = scored.truncated[row]
    return ScoreMatrix(earlier[0].question_ids, values, earlier[0].present, truncated)
