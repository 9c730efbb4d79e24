"""Rules for negated questions and for options like "all of the above"."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question

# "Which of these is NOT ...?": the option without support in the evidence is right.
_NEGATED = re.compile(r"\bNOT\b|\bEXCEPT\b|\b(?:least likely|incorrect|false|untrue)\b")
_EXCEPT = re.compile(r"\bexcept\b")
_WHICH = re.compile(r"\b[Ww]hich\b")
_VERB_NOT = re.compile(r"\b(?:is|are|was|were|does|do|did|has|have|can|would)(?: not\b|n't\b)")
_QUESTION_MARK = re.compile(r"\?")
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
# Longer options that begin like one of these make a statement of their own.
_MAX_WORDS = 8


def is_negated(prompt: str) -> bool:
    """Return whether a prompt asks for the false option.

    >>> is_negated("Which of the following is NOT a noble gas?")
    True
    >>> is_negated("Why do noble gases not react?")
    False
    """
    return bool(
        _NEGATED.search(prompt)
        or any(_follows(_WHICH, _VERB_NOT, line) for line in prompt.split("\n"))
        or any(_follows(_EXCEPT, _QUESTION_MARK, part) for part in prompt.split(","))
    )


def _follows(first: re.Pattern[str], second: re.Pattern[str], text: str) -> bool:
    """Return whether one pattern is found after another; in linear time, unlike `first.*second`."""
    found = first.search(text)
    return found is not None and second.search(text, found.end()) is not None


def means_all(option: str) -> bool:
    """Return whether an option refers to the others: "All of the above", "Both A and B".

    >>> means_all("All of the above.")
    True
    """
    return len(option.split()) <= _MAX_WORDS and bool(_ALL.search(option))


def means_none(option: str) -> bool:
    """Return whether an option rejects the others: "None of the above", "Not mentioned".

    >>> means_none("None of the above")
    True
    """
    return len(option.split()) <= _MAX_WORDS and bool(_NONE.search(option))


def follow_wording(question: Question, support: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust support scores for negated prompts and for options like "all of the above".

    A negated prompt reverses the order. An option that refers to the others shares no words with
    the evidence, but is nearly always right (44 of 47 in the training questions used for this
    rule), and one that rejects them is rarely right (13 of 174). The first is therefore ranked
    before, the second after all other options.

    Args:
        question: The question.
        support: Support of each option by the evidence, shape `[n_options]`; a difference of 1
            is large.

    Returns:
        Scores, same shape.
    """
    sums = -support if is_negated(question.prompt) else support
    stands_for_all = np.array([means_all(option) for option in question.options])
    denies_all = np.array([means_none(option) for option in question.options])
    stated = sums[~(stands_for_all | denies_all)]
    low, high = (stated.min(), stated.max()) if len(stated) else (0.0, 0.0)
    return np.where(stands_for_all, high + 1, np.where(denies_all, low - 1, sums))
