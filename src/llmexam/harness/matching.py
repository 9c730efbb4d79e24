"""Match questions of a log with those of an exam or of another log, by their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeVar

from llmexam.exam.normalise import normalise


class Asked(Protocol):
    """Something with a question text and options."""

    @property
    def prompt(self) -> str: ...  # noqa: D102 - described above

    @property
    def options(self) -> tuple[str, ...]: ...  # noqa: D102 - described above


Key = Callable[[Asked], Hashable]
A = TypeVar("A", bound=Asked)


def exact_key(one: Asked) -> Hashable:
    """Return question text and options without space around them; options in any order."""
    return one.prompt.strip(), tuple(sorted(option.strip() for option in one.options))


def normal_key(one: Asked) -> Hashable:
    """Return the words of question text and options; signs such as `-` do not count."""
    return normalise(one.prompt), tuple(sorted(map(normalise, one.options)))


def pair_by_text(questions: Sequence[Asked], others: Sequence[A]) -> list[A | None]:
    """Return what has the same text and options as each question, or None.

    Exact texts come first. Their words decide only where they are unique on both sides, because
    "-1" and "1" have the same words. What is there twice matches nothing.
    """
    found: list[A | None] = [None] * len(questions)
    for key in (exact_key, normal_key):
        ours = Counter(map(key, questions))
        counts = Counter(map(key, others))
        theirs = {key(one): one for one in others}
        for row, question in enumerate(questions):
            name = key(question)
            if found[row] is None and ours[name] == counts[name] == 1:
                found[row] = theirs[name]
    return found


def places_of(options: Sequence[str], others: Sequence[str]) -> list[int] | None:
    """Return the place among other options of each option, or None if it is not certain."""
    found: list[int | None] = [None] * len(options)
    for text in (str.strip, normalise):
        left = {place for place in range(len(others)) if place not in found}
        for index, option in enumerate(options):
            if found[index] is not None:
                continue
            same = [place for place in sorted(left) if text(others[place]) == text(option)]
            # Equal texts are interchangeable, equal words of different texts are not.
            if same and (len(same) == 1 or text is not normalise):
                found[index] = same[0]
                left.discard(same[0])
    return None if None in found else [place for place in found if place is not None]
