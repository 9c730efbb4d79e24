"""Shuffle the options of an exam, so that right answers have no favourite letter."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import numpy as np

from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question

ORIGINAL_LETTERS = "original_letters"
"""Metadata field of shuffled questions: the letter that each option had in the original file."""

# Options that refer to those above them stay last; other words may follow.
_ABOVE = re.compile(r"\b(?:above|foregoing|preceding)\b", re.IGNORECASE)
_MAX_WORDS = 8
# "Both A and B", "A, C", "(i) and (ii) only" name others by their place.
_NAMES_LETTERS = re.compile(
    r"^\W*(?:(?:both|neither|either|only|options?|answers?|choices?)\s+)*\(?[A-H]\)?"
    r"(?:\s*(?:,|&|\band\b|\bor\b|\bnor\b)\s*\(?[A-H]\)?)+\W*(?:only)?\W*$",
    re.IGNORECASE,
)


def shuffle_options(exam: Exam, seed: int) -> Exam:
    """Return an exam with the options of each question in random order.

    Answers, passages and metadata are kept; metadata `original_letters` tells where each option
    was, such as "C A B" for an exam whose first option was C. The order of a question depends only
    on the seed, its id and its prompt, not on the other questions.

    Options such as "all of the above" stay last. A question with an option such as "both A and B"
    keeps its order; `Exam.notes` counts them.

    Args:
        exam: The exam.
        seed: Random seed.
    """
    fixed = [names_letters(question) for question in exam]
    questions = tuple(
        _with_letters(question, _order(question, seed, keep=keep))
        for question, keep in zip(exam, fixed, strict=True)
    )
    notes = exam.notes
    if n_fixed := sum(fixed):
        what = "1 question keeps" if n_fixed == 1 else f"{n_fixed:,} questions keep"
        notes = (*notes, f"{what} the order of options, because one names others by their letters")
    return replace(exam, questions=questions, notes=notes)


def names_letters(question: Question) -> bool:
    """Return whether an option names others by their letters, such as "both A and B".

    >>> names_letters(Question("1", "?", ("iron", "tin", "Both A and B")))
    True
    """
    return any(_NAMES_LETTERS.match(option) for option in question.options)


def _order(question: Question, seed: int, *, keep: bool) -> list[int]:
    n_options = len(question.options)
    if keep:
        return list(range(n_options))
    n_moving = n_options
    while n_moving > 0 and _refers_above(question.options[n_moving - 1]):
        n_moving -= 1
    name = f"{seed}\0{question.id}\0{question.prompt}".encode("utf-8", "surrogatepass")
    draw = np.random.default_rng(int.from_bytes(hashlib.sha256(name).digest()[:8], "big"))
    return [*(int(i) for i in draw.permutation(n_moving)), *range(n_moving, n_options)]


def _refers_above(option: str) -> bool:
    return len(option.split()) <= _MAX_WORDS and _ABOVE.search(option) is not None


def _with_letters(question: Question, order: list[int]) -> Question:
    known = question.metadata.get(ORIGINAL_LETTERS, "").split()
    before = known if len(known) == len(order) else [letter_of(i) for i in range(len(order))]
    metadata = {**question.metadata, ORIGINAL_LETTERS: " ".join(before[i] for i in order)}
    return replace(question.with_option_order(order), metadata=metadata)
