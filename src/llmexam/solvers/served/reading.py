"""Scores from answers, averaged over rotations of the options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question
from llmexam.exam.wording import is_negated
from llmexam.solvers.protocol import OptionReason
from llmexam.solvers.served.answers import parse_answer
from llmexam.solvers.served.replies import Reply, letter_scores

How = Literal["logprobs", "strict", "lenient", "none"]
_SHOWN = 60


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The scores from one answer.

    Attributes:
        scores: Log-probabilities of the letters, or 1 / rank in the answered order; in the
            options' original order, shape `[n_options]`. All equal if nothing was parsed.
        how: How it was parsed; none: no letter was found.
        text: The answer.
        letter_share: Probability that the letters of the options hold together in the listed
            log-probabilities; None without log-probabilities.
    """

    scores: NDArray[np.float64]
    how: How
    text: str
    letter_share: float | None = None


def read_answer(
    reply: Reply, question: Question, order: Sequence[int], *, min_letter_share: float = 0.0
) -> Reading:
    """Return the scores from an answer.

    Args:
        reply: The answer.
        question: The question.
        order: The order of its options in the request: position j had option `order[j]`.
        min_letter_share: Log-probabilities count if the letters hold at least this probability
            together. Else the model was about to write something else, such as "The answer is",
            and the text of the answer is parsed.
    """
    n_options = len(order)
    share = None
    if reply.tokens is not None:
        found = letter_scores(reply.tokens, n_options)
        share = found.share if found is not None else 0.0
        if found is not None and share >= min_letter_share:
            return Reading(_back(found.values, order), "logprobs", reply.text, share)
    parsed = parse_answer(
        reply.text,
        [question.options[i] for i in order],
        negated=is_negated(question.prompt),
        is_cut=reply.finish == "length",
    )
    # A text answer to a request for log-probabilities counts as a certain letter.
    scores = _back(_by_place(parsed.order, n_options), order)
    return Reading(scores, parsed.how, reply.text, share)


def average(readings: Sequence[Reading]) -> NDArray[np.float64]:
    """Return the scores of a question's options, shape `[n_options]`.

    Log-probabilities are averaged as probabilities, so that a very low one, such as the estimate
    for an unlisted letter, does not dominate; ranks are averaged as 1 / rank. In a mixture, only
    log-probabilities count; unparsed answers count only if there are no others.
    """
    told = [one.scores for one in readings if one.how == "logprobs"]
    if told:
        mean: NDArray[np.float64] = np.logaddexp.reduce(told, axis=0) - np.log(len(told))
        return mean
    read = [one.scores for one in readings if one.how != "none"]
    places: NDArray[np.float64] = np.mean(read or [one.scores for one in readings], axis=0)
    return places


def reason(readings: Sequence[Reading], option: int) -> OptionReason:
    """Return the explanation of an option's score, as text."""
    told = [one for one in readings if one.how == "logprobs"]
    mean = f", mean of {len(readings)} rotations" if len(readings) > 1 else ""
    if told:
        score = average(told)[option]
        note = f"log-probability of its letter {score:.2f}{mean}"
    elif all(one.how == "none" for one in readings):
        note = f"no letter found in the answer: {_quote(readings[0].text)}"
    else:
        place = int((average(readings) > average(readings)[option]).sum())
        leniently = ", parsed leniently" if any(one.how == "lenient" for one in readings) else ""
        note = f"position {place + 1}{mean}{leniently}: {_quote(readings[0].text)}"
    n_unread = sum(one.how == "none" for one in readings)
    if 0 < n_unread < len(readings):
        note += f"; {n_unread} of {len(readings)} answers could not be parsed"
    return OptionReason(note)


def _by_place(named: Sequence[int], n_options: int) -> NDArray[np.float64]:
    """Return 1 / rank; unnamed options share the mean of the remaining ranks."""
    worth = 1.0 / np.arange(1, n_options + 1)
    found = np.full(n_options, worth[len(named) :].mean() if len(named) < n_options else 0.0)
    found[list(named)] = worth[: len(named)]
    return found


def _back(scores: NDArray[np.float64], order: Sequence[int]) -> NDArray[np.float64]:
    back = np.empty_like(scores)
    back[list(order)] = scores
    return back


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}...")
