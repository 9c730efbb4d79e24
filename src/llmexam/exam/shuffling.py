"""Shuffle the options of an exam, so that right answers have no favourite letter."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import cache

import numpy as np

from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question

ORIGINAL_LETTERS = "original_letters"
"""Metadata field of shuffled questions: the letter that each option had in the original file."""

# Options that refer to those above them stay last; other words may follow.
_ABOVE = re.compile(r"\b(?:above|foregoing|preceding)\b", re.IGNORECASE)
# In front of other options, "above 100 °C" is no reference.
_OTHER_OPTIONS = re.compile(
    r"\b(?:all|none|both|any|either|neither|each|of|the|options?|answers?|choices?|except)\s+"
    r"(?:above|foregoing|preceding)\b(?!\s*[-\d])"
    r"|\b(?:above|foregoing|preceding)\s+(?:options?|answers?|choices?|statements?|are|is)\b"
    r"|\bof\s+the\s+(?:below|following)\b",
    re.IGNORECASE,
)
_MAX_WORDS = 8
_MOST_WORDS_WITH_LETTERS = 12
_OPTIONS = r"(?:options?|answers?|choices?|alternatives?)"
# "Answers 1 and 3", "the second option", "the first two".
_NAMES_PLACES = re.compile(
    rf"\b{_OPTIONS}\s+(?:no\.?\s*|numbers?\s+)?\(?[1-9]\b"
    rf"|\b(?:first|second|third|fourth|fifth|last|previous|next)\s+{_OPTIONS}\b"
    rf"|\b(?:first|last)\s+(?:two|three|four|[2-4])(?:\s+(?:{_OPTIONS}|of\s+these))?\W*$",
    re.IGNORECASE,
)
# Letters after these words are names: "vitamins A and D".
_OTHER_NAMES = re.compile(
    r"(?:vitamin|type|group|class|grade|point|line|angle|side|event|set|gene|factor|protein|team"
    r"|note|key|phase)s?|hepatitis|classes|matri(?:x|ces)",
    re.IGNORECASE,
)


def shuffle_options(exam: Exam, seed: int) -> Exam:
    """Return an exam with the options of each question in random order.

    Answers, passages and metadata are kept; metadata `original_letters` tells where each option
    was, such as "C A B" for an exam whose first option was C. The order of a question depends only
    on the seed, its id and its prompt, not on the other questions.

    Options such as "all of the above" stay last. A question keeps its order if one is before other
    options, or if an option such as "both A and B" names others; `Exam.notes` counts them.

    Args:
        exam: The exam.
        seed: Random seed.
    """
    fixed = [_has_fixed_order(question) for question in exam]
    questions = tuple(
        _with_letters(question, _order(question, seed, keep=keep))
        for question, keep in zip(exam, fixed, strict=True)
    )
    notes = exam.notes
    if n_fixed := sum(fixed):
        what = "1 question keeps" if n_fixed == 1 else f"{n_fixed:,} questions keep"
        notes = (*notes, f"{what} the order of options, because one refers to others")
    return replace(exam, questions=questions, notes=notes)


def names_letters(question: Question) -> bool:
    """Return whether an option names others by letter or place, such as "both A and B".

    >>> names_letters(Question("1", "?", ("iron", "tin", "Both A and B are correct")))
    True
    """
    n_options = len(question.options)
    return any(_names_others(option, n_options) for option in question.options)


def _names_others(option: str, n_options: int) -> bool:
    if len(option.split()) > _MOST_WORDS_WITH_LETTERS:
        return False
    joined, single = _letter_patterns(n_options)
    return (
        any(not _is_after_other_name(option, found.start()) for found in joined.finditer(option))
        or single.search(option) is not None
        or _NAMES_PLACES.search(option) is not None
    )


@cache
def _letter_patterns(n_options: int) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of several joined letters, and of one with a word such as "only"."""
    last = letter_of(max(n_options, 1) - 1)
    either_case = f"[A-{last}a-{last.lower()}]"
    before, after = r"(?<![\w'\u2019.])", r"(?![\w'\u2019])"
    letter = rf"(?:\({either_case}\)|{before}{either_case}{after}\)?)"
    # A small "a" may be an article.
    capital = rf"(?:\({either_case}\)|{before}(?<!-)[A-{last}]{after}(?!-))"
    link = r"[,;&/+\u2013-]|\b(?:and|or|nor|to|through|but\s+not|not)\b"
    joined = rf"{letter}(?:(?:\s*(?:{link}))+\s*{letter})+"
    only = rf"(?:only|just|both|neither|either|except|excluding|but|not|than|as|{_OPTIONS})"
    verdict = r"(?:true|false|correct|incorrect|right|wrong)"
    single = (
        rf"(?i:\b{only})\s+{capital}"
        rf"|{capital}\s+(?i:only|alone|(?:is|are)\s+(?:not\s+)?{verdict})\b"
        rf"|^\W*(?:(?i:only|{_OPTIONS})\s+{letter}|{letter}\s+(?i:only|alone))\W*$"
    )
    return re.compile(joined, re.IGNORECASE), re.compile(single)


def _is_after_other_name(option: str, start: int) -> bool:
    before = option[:start].split()
    return bool(before) and _OTHER_NAMES.fullmatch(before[-1]) is not None


def _has_fixed_order(question: Question) -> bool:
    moving = question.options[: _n_moving(question)]
    return names_letters(question) or any(
        len(option.split()) <= _MAX_WORDS and _OTHER_OPTIONS.search(option) for option in moving
    )


def _order(question: Question, seed: int, *, keep: bool) -> list[int]:
    n_options = len(question.options)
    if keep:
        return list(range(n_options))
    n_moving = _n_moving(question)
    name = f"{seed}\0{question.id}\0{question.prompt}".encode("utf-8", "surrogatepass")
    draw = np.random.default_rng(int.from_bytes(hashlib.sha256(name).digest()[:8], "big"))
    return [*(int(i) for i in draw.permutation(n_moving)), *range(n_moving, n_options)]


def _n_moving(question: Question) -> int:
    """Return how many options come before those that refer to the ones above."""
    n_moving = len(question.options)
    while n_moving > 0 and _refers_above(question.options[n_moving - 1]):
        n_moving -= 1
    return n_moving


def _refers_above(option: str) -> bool:
    return len(option.split()) <= _MAX_WORDS and _ABOVE.search(option) is not None


def _with_letters(question: Question, order: list[int]) -> Question:
    known = question.metadata.get(ORIGINAL_LETTERS, "").split()
    before = known if len(known) == len(order) else [letter_of(i) for i in range(len(order))]
    metadata = {**question.metadata, ORIGINAL_LETTERS: " ".join(before[i] for i in order)}
    return replace(question.with_option_order(order), metadata=metadata)
