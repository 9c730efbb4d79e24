"""Where a solver is strong and where it is weak: MAP@k on parts of the exam."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.bootstrap import mean_intervals
from llmexam.evaluation.results import Slice
from llmexam.exam.exam import Exam
from llmexam.exam.letters import letter_of

# Metadata keys that say where a question is from or what it is about, in order of preference.
SOURCE_KEYS = ("source", "subject", "category", "topic")
MAX_SOURCES = 12

# "least" and "never" only count near the question word: "at least two" negates nothing.
_NEGATED = re.compile(
    r"\b(?:not|except|excluding|incorrect|incorrectly|false|untrue|wrong|neither)\b"
    r"|n['\u2019]t\b|\bcannot\b|\b(?:the|is|are) least\b|\bleast likely\b",
    re.IGNORECASE,
)

Labels = list[tuple[str, str]]


def has_negation(prompt: str) -> bool:
    """Return whether a prompt has a word of negation, whatever it negates.

    Wider than `exam.wording.is_negated`, which turns answers round and so must be sure.

    >>> has_negation("Which of these is NOT a metal?"), has_negation("What is a knot?")
    (True, False)
    """
    return _NEGATED.search(prompt) is not None


def slice_scores(
    exam: Exam,
    earned: NDArray[np.float64],
    *,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Slice, ...]:
    """Return MAP@k by prompt length, negation, source, options, passages and right place.

    A way of slicing that puts all questions into one slice is left out. Small slices are kept:
    their interval says how little they tell.

    Args:
        exam: The questions, with answers.
        earned: What each question earned, shape `[n_questions]`.
        n_resamples: Bootstrap resamples for each slice.
        seed: Seed of the resampling.
        level: Level of the intervals.
    """
    slices: list[Slice] = []
    for by, labels in _labellings(exam):
        places = {label: place for place, label in enumerate(sorted(set(labels)))}
        if len(places) < 2:
            continue
        keys = np.array([places[label] for label in labels])
        for (_, value), place in places.items():
            inside = earned[keys == place]
            slices.append(
                Slice(
                    by=by,
                    value=value,
                    n=len(inside),
                    map_at_k=mean_intervals(
                        inside[:, None], n_resamples=n_resamples, seed=seed, level=level
                    )[0],
                )
            )
    return tuple(slices)


def _labellings(exam: Exam) -> Iterator[tuple[str, Labels]]:
    """Yield what to slice by, and for each question a sort key and the name of its slice."""
    yield "prompt length", _length_terciles([len(q.prompt) for q in exam])
    yield "negated", [("1", "yes") if has_negation(q.prompt) else ("0", "no") for q in exam]
    for key in SOURCE_KEYS:
        if any(key in q.metadata for q in exam):
            yield key, _largest([q.metadata.get(key, "").strip() or "(none)" for q in exam])
            break
    yield "options", [(f"{len(q.options):02d}", str(len(q.options))) for q in exam]
    yield "passages", [("0", "with") if q.passages else ("1", "without") for q in exam]
    letters = [letter_of(q.answer or 0) for q in exam]
    yield "right option", [(letter, letter) for letter in letters]


def _length_terciles(lengths: list[int]) -> Labels:
    """Deal lengths into thirds; equal lengths stay together, so thirds may be uneven."""
    lower, upper = (int(cut) for cut in np.quantile(lengths, [1 / 3, 2 / 3], method="lower"))
    names = [
        ("0", f"short (up to {lower} characters)"),
        ("1", f"medium (up to {upper} characters)"),
        ("2", f"long (over {upper} characters)"),
    ]
    return [names[(length > lower) + (length > upper)] for length in lengths]


def _largest(sources: list[str]) -> Labels:
    """Name the largest sources, largest first, and put the others together."""
    counts = sorted(Counter(sources).items(), key=lambda item: (-item[1], item[0]))
    keep = counts if len(counts) <= MAX_SOURCES else counts[: MAX_SOURCES - 1]
    names = {source: (f"{rank:02d}", source) for rank, (source, _) in enumerate(keep)}
    rest = (f"{MAX_SOURCES:02d}", f"{len(counts) - len(keep)} others")
    return [names.get(source, rest) for source in sources]
