"""MAP@k and its relatives over rankings: option indices, best first, -1 where nothing stands.

A question has one right option, so its average precision is 1 divided by the place where that
option first stands, or 0 when it is not among the first k. Repeats are kept as they were
submitted: they take up places, but what follows the right option changes nothing. "A A A" earns
1.0 where A is right, "B A A" earns 0.5 and "B B A" a third.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError, SettingsError
from llmexam.evaluation.results import LetterRecall
from llmexam.exam.letters import letter_of

Rankings = NDArray[np.int64]
Answers = NDArray[np.int64]


def pack_rankings(rankings: Sequence[Sequence[int]]) -> Rankings:
    """Return lists of option indices as one array, filled up with -1.

    >>> pack_rankings([[2, 0], [1]]).tolist()
    [[2, 0], [1, -1]]
    """
    width = max((len(ranking) for ranking in rankings), default=0)
    packed = np.full((len(rankings), width), -1, dtype=np.int64)
    for row, ranking in enumerate(rankings):
        packed[row, : len(ranking)] = ranking
    return packed


def right_places(rankings: Rankings, answers: Answers, *, k: int = 3) -> NDArray[np.int64]:
    """Return the place, from 1, where each right option first stands; 0 if not among the first k.

    Args:
        rankings: Option indices, best first, shape `[n_questions, n_ranked]`.
        answers: Indices of the right options, shape `[n_questions]`.
        k: How many of the best count, at least 1.

    Raises:
        ExamError: There are no questions, or one has no answer.
        SettingsError: k is less than 1.
    """
    if k < 1:
        raise SettingsError(f"k is {k}", hint="k is the number of options that count: 1 or more")
    if len(answers) == 0:
        raise ExamError("there are no questions to grade")
    if (answers < 0).any():
        # -1 marks both "no answer" and "nothing ranked": they must never meet as equals.
        raise ExamError(f"{int((answers < 0).sum())} questions have no answer to grade with")
    hits = rankings[:, :k] == answers[:, None]
    if hits.shape[1] == 0:
        return np.zeros(len(answers), dtype=np.int64)
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0)


def average_precision_at_k(
    rankings: Rankings, answers: Answers, *, k: int = 3
) -> NDArray[np.float64]:
    """Return what each question earns, 0 to 1, shape `[n_questions]`.

    The sum over places i = 1..k of precision(i) times relevance(i), where a label counts once,
    as the Kaggle competition "LLM Science Exam" defines it. Arguments and errors are those of
    `right_places`.

    >>> answers = np.array([0, 0, 0])
    >>> average_precision_at_k(pack_rankings([[0, 0, 0], [1, 0, 0], [1, 2, 3]]), answers).tolist()
    [1.0, 0.5, 0.0]
    """
    return grade_questions(rankings, answers, k=k)[:, 0]


def grade_questions(rankings: Rankings, answers: Answers, *, k: int = 3) -> NDArray[np.float64]:
    """Return what is known of each question, shape `[n_questions, 3]`.

    The columns are average precision at k, whether the first choice is right, and whether the
    right option is among the first k. Arguments and errors are those of `right_places`.

    >>> grade_questions(pack_rankings([[1, 0]]), np.array([0])).tolist()
    [[0.5, 0.0, 1.0]]
    """
    places = right_places(rankings, answers, k=k)
    earned = np.divide(1.0, places, out=np.zeros(len(places)), where=places > 0)
    return np.stack([earned, places == 1, places > 0], axis=1).astype(np.float64)


def map_at_k(rankings: Rankings, answers: Answers, *, k: int = 3) -> float:
    """Return the mean of `average_precision_at_k`.

    >>> map_at_k(pack_rankings([[0], [1, 0]]), np.array([0, 0]))
    0.75
    """
    return float(average_precision_at_k(rankings, answers, k=k).mean())


def accuracy(rankings: Rankings, answers: Answers) -> float:
    """Return the share of questions whose first choice is right."""
    return accuracy_at_k(rankings, answers, k=1)


def accuracy_at_k(rankings: Rankings, answers: Answers, *, k: int = 3) -> float:
    """Return the share of questions whose right option is among the first k."""
    return float((right_places(rankings, answers, k=k) > 0).mean())


def random_map_at_k(n_options: NDArray[np.int64], *, k: int = 3) -> float:
    """Return the MAP@k that a random order of the options earns on average.

    With n options the right one stands at each place with probability 1/n, so the expectation
    is (1 + 1/2 + ... + 1/min(k, n)) / n: 11/30 for five options and k = 3.

    Args:
        n_options: How many options each question has, shape `[n_questions]`.
        k: How many of the best count.

    Raises:
        ExamError: There are no questions.

    >>> round(random_map_at_k(np.array([5, 5])) * 30, 9)
    11.0
    """
    if len(n_options) == 0:
        raise ExamError("there are no questions to grade")
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int(n_options.max()) + 1))])
    return float((harmonic[np.minimum(n_options, k)] / n_options).mean())


def recall_by_letter(
    rankings: Rankings, answers: Answers, n_options: int
) -> tuple[LetterRecall, ...]:
    """Return, for each place among the options, how often right answers there are chosen.

    Args:
        rankings: Option indices, best first, shape `[n_questions, n_ranked]`.
        answers: Indices of the right options, shape `[n_questions]`.
        n_options: How many places to report, from A.
    """
    right = right_places(rankings, answers, k=1) == 1
    first = rankings[:, 0] if rankings.shape[1] else np.full(len(answers), -1)
    n_answers = np.bincount(answers, minlength=n_options)
    n_right = np.bincount(answers[right], minlength=n_options)
    n_chosen = np.bincount(first[first >= 0], minlength=n_options)
    return tuple(
        LetterRecall(
            letter=letter_of(place),
            n_answers=int(n_answers[place]),
            n_chosen=int(n_chosen[place]),
            recall=float(n_right[place] / n_answers[place]) if n_answers[place] else None,
        )
        for place in range(n_options)
    )
