"""What the wording of a question says about how to answer it."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question

# "Which of these is NOT ...?": the option that the evidence does not support is right.
_NEGATED = re.compile(
    r"\bNOT\b|\bEXCEPT\b|\bexcept\b[^,]*\?"
    r"|\b[Ww]hich\b.*\b(?:is|are|was|were|does|do|did|has|have|can|would)(?: not\b|n't\b)"
    r"|\b(?:least likely|incorrect|false|untrue)\b"
)
_ALL = re.compile(
    r"\b(?:all|both|each) (?:of )?(?:the )?(?:above|these|those|mentioned|options?|of them|listed)"
    r"|\bboth (?:option|[a-e]\b)|^[a-e] and [a-e]\b",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"\bnone (?:of )?(?:the )?(?:above|these|those|options|mentioned|them)"
    r"|^not (?:mentioned|specified|stated|given)|^neither\W*$"
    r"|cannot be determined|not enough information|no information",
    re.IGNORECASE,
)
# A longer option that begins like one of these states a fact of its own.
_MAX_WORDS = 8


def is_negated(prompt: str) -> bool:
    """Tell whether a prompt asks for the option that does not hold.

    >>> is_negated("Which of the following is NOT a noble gas?")
    True
    >>> is_negated("Why do noble gases not react?")
    False
    """
    return bool(_NEGATED.search(prompt))


def means_all(option: str) -> bool:
    """Tell whether an option stands for the others: "All of the above", "Both A and B".

    >>> means_all("All of the above.")
    True
    """
    return len(option.split()) <= _MAX_WORDS and bool(_ALL.search(option))


def means_none(option: str) -> bool:
    """Tell whether an option denies the others: "None of the above", "Not mentioned".

    >>> means_none("None of the above")
    True
    """
    return len(option.split()) <= _MAX_WORDS and bool(_NONE.search(option))


def follow_wording(question: Question, support: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn how much the evidence supports each option into scores that heed the wording.

    A negated prompt turns the order round. An option that stands for the others shares no words
    with the evidence, but is nearly always right where it is offered, and one that denies them
    nearly never: 44 of 47 and 13 of 174 in the training questions this was chosen on. So the
    first goes before, the second behind all options that state something.

    Args:
        question: The question.
        support: Shape `[n_options]`; with a margin of 1 between what is far apart.

    Returns:
        Scores, same shape.
    """
    sums = -support if is_negated(question.prompt) else support
    stands_for_all = np.array([means_all(option) for option in question.options])
    denies_all = np.array([means_none(option) for option in question.options])
    stated = sums[~(stands_for_all | denies_all)]
    low, high = (stated.min(), stated.max()) if len(stated) else (0.0, 0.0)
    return np.where(stands_for_all, high + 1, np.where(denies_all, low - 1, sums))
