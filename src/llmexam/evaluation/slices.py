"""Slices of an exam: questions grouped by length, negation, source and so on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of

# Metadata keys that name the source or subject of a question, in order of preference.
SOURCE_KEYS = ("source", "subject", "category", "topic")
MAX_SOURCES = 12

# "least" and "never" count only near the question word: "at least two" is no negation.
_NEGATED = re.compile(
    r"\b(?:not|except|excluding|incorrect|incorrectly|false|untrue|wrong|neither)\b"
    r"|n['\u2019]t\b|\bcannot\b|\b(?:the|is|are) least\b|\bleast likely\b",
    re.IGNORECASE,
)

Labels = list[tuple[str, str]]
"""For each item a sort key and the name of its slice."""

Labelling = tuple[str, Labels]
"""The criterion of the slices, and the labels."""


def has_negation(prompt: str) -> bool:
    """Return whether a prompt contains a word of negation.

    Broader than `exam.wording.is_negated`, which must be precise because it reverses rankings.

    >>> has_negation("Which of these is NOT a metal?"), has_negation("What is a knot?")
    (True, False)
    """
    return _NEGATED.search(prompt) is not None


def slice_rows(labellings: Iterable[Labelling]) -> Iterator[tuple[str, str, NDArray[np.intp]]]:
    """Yield the property, the value and the rows of each slice.

    A property with the same value for all items is left out. Small slices stay, because their
    wide interval shows the uncertainty.
    """
    for by, labels in labellings:
        indices = {label: index for index, label in enumerate(sorted(set(labels)))}
        if len(indices) < 2:
            continue
        keys = np.array([indices[label] for label in labels])
        for (_, value), index in indices.items():
            yield by, value, np.flatnonzero(keys == index)


def label_questions(exam: Exam, slice_by: str | None = None) -> Iterator[Labelling]:
    """Yield labels of questions by length, negation, source, options, passages, right option.

    Args:
        exam: The questions, with answers.
        slice_by: Metadata field whose values are all slices; by default the first of
            `SOURCE_KEYS`, of which the most frequent values are.
    """
    if slice_by is not None:
        values = [q.metadata.get(slice_by, "").strip() or "(none)" for q in exam]
        yield slice_by, [(value, value) for value in values]
    yield "prompt length", length_terciles([len(q.prompt) for q in exam])
    yield "negated", [("1", "yes") if has_negation(q.prompt) else ("0", "no") for q in exam]
    for key in SOURCE_KEYS:
        if slice_by is None and any(key in q.metadata for q in exam):
            yield key, largest_first([q.metadata.get(key, "").strip() or "(none)" for q in exam])
            break
    yield "options", [(f"{len(q.options):02d}", str(len(q.options))) for q in exam]
    yield "passages", [("0", "with") if q.passages else ("1", "without") for q in exam]
    letters = ["several" if q.right else letter_of(q.answer or 0) for q in exam]
    yield "right option", [(letter, letter) for letter in letters]
    if exam.has_several_right:
        counts = [len(question.right_options) for question in exam]
        yield "number of right options", [(f"{n:02d}", str(n)) for n in counts]


def length_terciles(lengths: list[int]) -> Labels:
    """Label items by terciles of length; equal lengths share a tercile, so sizes may differ."""
    lower, upper = (int(cut) for cut in np.quantile(lengths, [1 / 3, 2 / 3], method="lower"))
    names = [
        ("0", f"short (up to {lower} characters)"),
        ("1", f"medium (up to {upper} characters)"),
        ("2", f"long (over {upper} characters)"),
    ]
    return [names[(length > lower) + (length > upper)] for length in lengths]


def largest_first(sources: list[str]) -> Labels:
    """Label items by source: the largest sources first, all others under one label."""
    counts = sorted(Counter(sources).items(), key=lambda item: (-item[1], item[0]))
    keep = counts if len(counts) <= MAX_SOURCES else counts[: MAX_SOURCES - 1]
    names = {source: (f"{rank:02d}", source) for rank, (source, _) in enumerate(keep)}
    rest = (f"{MAX_SOURCES:02d}", f"{len(counts) - len(keep)} others")
    return [names.get(source, rest) for source in sources]
