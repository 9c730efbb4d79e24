"""The answers of several solvers to one exam, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.evaluation.alignment import align_rankings, align_scores
from llmexam.evaluation.calibration import fit_temperature, softmax
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix

Prediction = ScoreMatrix | Mapping[str, Sequence[int]]

MAX_UNDECIDED = 0.5
"""A solver that gives its best score to several options in more questions is left out."""


@dataclass(frozen=True, eq=False)
class Responses:
    """What several solvers answered to the questions of an exam that have an answer.

    Attributes:
        names: Names of the solvers, `n_raters`.
        groups: Kind of each solver; those of one kind are variants of each other.
        choices: First choice of each solver, int64, shape `[n_raters, n_questions]`; -1 where it
            gave none.
        probabilities: Probability of each option, float64, shape `[n_raters, n_questions,
            n_options]`; a first choice without scores has probability 1.
        answers: Index of the right option, int64, shape `[n_questions]`; the first of several.
        is_right: Whether each option is right, bool, shape `[n_questions, n_options]`.
        n_options: Number of options, int64, shape `[n_questions]`.
        rows: Row of each question in its file, from 1.
        ids: Id of each question.
        left_out: From the name of a solver that was left out to the reason.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    choices: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    answers: NDArray[np.int64]
    is_right: NDArray[np.bool_]
    n_options: NDArray[np.int64]
    rows: tuple[int, ...]
    ids: tuple[str, ...]
    left_out: Mapping[str, str]

    @property
    def right(self) -> NDArray[np.float64]:
        """1 where a solver chose a right option, else 0, shape `[n_raters, n_questions]`."""
        hits = self.is_right[np.arange(len(self.answers)), np.maximum(self.choices, 0)]
        right: NDArray[np.float64] = (hits & (self.choices >= 0)).astype(np.float64)
        return right

    @property
    def chance(self) -> float:
        """Expected accuracy of random choices."""
        return float((self.is_right.sum(axis=1) / self.n_options).mean())

    @property
    def n_raters(self) -> int:
        """Number of solvers."""
        return len(self.names)


def read_responses(
    exam: Exam,
    predictions: Mapping[str, Prediction],
    *,
    groups: Mapping[str, str] | None = None,
    rows: Sequence[int] | None = None,
) -> Responses:
    """Return the answers of solvers to those questions of an exam that have an answer.

    Scores become probabilities by a temperature that is fitted to the exam's answers. Solvers
    without a unique best option in more than half of the questions, such as `lexical` without any
    passages, say nothing about the questions and are left out, and so are those that choose the
    same options as an earlier one.

    Args:
        exam: The exam; questions without answers are left out.
        predictions: Score matrices or rankings by id, by name of the solver.
        groups: Kind of each solver by its name; by default each is of its own kind.
        rows: Row of each question in its file, from 1; by default its place in the exam.

    Raises:
        ExamError: No question has an answer.
        ScoreError: Scores are not those of the exam.
        SubmissionError: Rankings are not those of the exam.
    """
    kept = [i for i, question in enumerate(exam) if question.answer is not None]
    if not kept:
        raise ExamError(
            "no question has an answer, so items cannot be analysed",
            file=exam.source or None,
            field="answer",
        )
    answers, is_right = exam.answers[kept], exam.subset(kept).is_right
    n_options = np.array([len(exam[i].options) for i in kept], dtype=np.int64)
    names: list[str] = []
    choices: list[NDArray[np.int64]] = []
    probabilities: list[NDArray[np.float64]] = []
    left_out: dict[str, str] = {}
    for name, prediction in predictions.items():
        if isinstance(prediction, ScoreMatrix):
            scores = align_scores(exam, prediction).subset(kept)
            undecided = _share_undecided(scores)
            if undecided > MAX_UNDECIDED:
                left_out[name] = f"no unique best option in {undecided:.0%} of the questions"
                continue
            chosen = scores.ranking[:, 0]
            mass = softmax(scores, fit_temperature(scores, answers))[:, : n_options.max()]
        else:
            chosen = _first(align_rankings(exam, prediction)[kept])
            mass = (np.arange(n_options.max()) == chosen[:, None]).astype(np.float64)
        same = [other for other, its in zip(names, choices, strict=True) if (its == chosen).all()]
        if same:
            left_out[name] = f"chooses the same options as {same[0]}"
            continue
        names.append(name)
        choices.append(chosen)
        probabilities.append(mass)
    shape = (len(names), len(kept))
    return Responses(
        names=tuple(names),
        groups=tuple((groups or {}).get(name, name) for name in names),
        choices=np.array(choices, dtype=np.int64).reshape(shape),
        probabilities=np.array(probabilities, dtype=np.float64).reshape(*shape, n_options.max()),
        answers=answers,
        is_right=is_right,
        n_options=n_options,
        rows=tuple(i + 1 if rows is None else rows[i] for i in kept),
        ids=tuple(exam[i].id for i in kept),
        left_out=left_out,
    )


def _first(rankings: NDArray[np.int64]) -> NDArray[np.int64]:
    return rankings[:, 0] if rankings.shape[1] else np.full(len(rankings), -1, dtype=np.int64)


def _share_undecided(scores: ScoreMatrix) -> float:
    values = np.where(scores.present, scores.values, -np.inf)
    best = values.max(axis=1, keepdims=True)
    return float(((values == best).sum(axis=1) > 1).mean())
