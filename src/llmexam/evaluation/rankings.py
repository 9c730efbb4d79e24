"""Rankings of options: option indices, best first, padded with -1.

Submitted repeats stay and take up ranks; whatever follows the right option has no effect.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.evaluation.results import LetterRecall
from llmexam.exam.letters import letter_of

Rankings = NDArray[np.int64]
Answers = NDArray[np.int64]


def pack_rankings(rankings: Sequence[Sequence[int]]) -> Rankings:
    """Return lists of option indices as one array, padded with -1.

    >>> pack_rankings([[2, 0], [1]]).tolist()
    [[2, 0], [1, -1]]
    """
    width = max((len(ranking) for ranking in rankings), default=0)
    packed = np.full((len(rankings), width), -1, dtype=np.int64)
    for row, ranking in enumerate(rankings):
        packed[row, : len(ranking)] = ranking
    return packed


def right_ranks(rankings: Rankings, answers: Answers) -> NDArray[np.float64]:
    """Return the first rank of each right option, from 1; infinity if it is not ranked.

    Args:
        rankings: Option indices, best first, shape `[n_questions, n_ranked]`.
        answers: Indices of the right options, shape `[n_questions]`.

    Raises:
        ExamError: There are no questions, or one has no answer.

    >>> right_ranks(pack_rankings([[2, 0], [1], []]), np.array([0, 1, 0])).tolist()
    [2.0, 1.0, inf]
    """
    if len(answers) == 0:
        raise ExamError("there are no questions to grade")
    if (answers < 0).any():
        # -1 means both "no answer" and "padding", which must not compare equal.
        raise ExamError(
            f"{int((answers < 0).sum())} questions have no answer, so they cannot be graded"
        )
    hits = rankings == answers[:, None]
    if hits.shape[1] == 0:
        return np.full(len(answers), np.inf)
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1.0, np.inf)


def ranks_of_all_right(rankings: Rankings, is_right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the first ranks of all right options, ascending; infinity where one is not ranked.

    Args:
        rankings: Option indices, best first, shape `[n_questions, n_ranked]`.
        is_right: Whether each option is right, shape `[n_questions, n_options]`.

    Returns:
        Ranks from 1, shape `[n_questions, n_options]`; infinity behind the last right option.

    >>> right = np.array([[True, False, True]])
    >>> ranks_of_all_right(pack_rankings([[2, 1]]), right).tolist()
    [[1.0, inf, inf]]
    """
    ranks = np.full(is_right.shape, np.inf)
    # From the last rank to the first, so that the first of repeated letters counts.
    for place in range(rankings.shape[1] - 1, -1, -1):
        rows = np.flatnonzero(rankings[:, place] >= 0)
        ranks[rows, rankings[rows, place]] = place + 1
    return np.sort(np.where(is_right, ranks, np.inf), axis=1)


def best_right(rankings: Rankings, is_right: NDArray[np.bool_], answers: Answers) -> Answers:
    """Return the right option of each question that was ranked best.

    Args:
        rankings: Option indices, best first, shape `[n_questions, n_ranked]`.
        is_right: Whether each option is right, shape `[n_questions, n_options]`.
        answers: The first right option of each question, taken where none was ranked.
    """
    found = answers.copy()
    rows = np.flatnonzero(is_right.sum(axis=1) > 1)
    for place in range(rankings.shape[1] - 1, -1, -1):
        named = rankings[rows, place]
        hit = (named >= 0) & is_right[rows, np.maximum(named, 0)]
        found[rows[hit]] = named[hit]
    return found


def recall_by_letter(
    rankings: Rankings, answers: Answers, n_options: int
) -> tuple[LetterRecall, ...]:
    """Return the recall of right answers by their position among the options.

    Args:
        rankings: Option indices, best first, shape `[n_questions, n_ranked]`.
        answers: Indices of the right options, shape `[n_questions]`.
        n_options: Number of positions to report, from A.
    """
    right = right_ranks(rankings, answers) == 1
    first = rankings[:, 0] if rankings.shape[1] else np.full(len(answers), -1)
    n_answers = np.bincount(answers, minlength=n_options)
    n_right = np.bincount(answers[right], minlength=n_options)
    n_chosen = np.bincount(first[first >= 0], minlength=n_options)
    return tuple(
        LetterRecall(
            letter=letter_of(index),
            n_answers=int(n_answers[index]),
            n_chosen=int(n_chosen[index]),
            recall=float(n_right[index] / n_answers[index]) if n_answers[index] else None,
        )
        for index in range(n_options)
    )
