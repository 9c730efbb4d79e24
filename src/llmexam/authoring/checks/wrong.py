"""Check `wrong`: distractors are not other forms of the right option."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from pydantic import Field

from llmexam.authoring.checks.quantities import equal_quantities
from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.flaws.reading import normal
from llmexam.settings.base import Settings

_ARTICLES = frozenset({"a", "an", "the"})
_SMALL = frozenset({"a", "an", "the", "of", "and", "in", "for", "on", "to", "by"})
_ABBREVIATION = re.compile(r"(?:[A-Z]\.?){2,6}s?")
_MIN_PLURAL = 4


class WrongSettings(Settings):
    """Settings of check `wrong`."""

    tolerance: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="relative difference up to which quantities of different units are equal",
    )


class WrongCheck:
    """Rejects questions with a distractor that means the same as the right option.

    It finds equal words, singular and plural, an abbreviation and its expansion, and quantities
    that are equal after rounding or conversion of units.
    """

    name = "wrong"
    rejects = True

    def __init__(self, settings: WrongSettings | None = None) -> None:
        self.settings = settings or WrongSettings()

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        return [self._judge(item) for item in items]

    def _judge(self, item: AuthoredItem) -> str | None:
        question = item.question
        if question.answer is None:
            return None
        key = question.options[question.answer]
        for index, option in enumerate(question.options):
            if index == question.answer:
                continue
            if _has_sign(key) or _has_sign(option):
                # "+5" and "-5" have the same words.
                same = "".join(key.split()) == "".join(option.split())
            else:
                same = _base(key) == _base(option)
            if same:
                return f"'{option}' has the words of the right option"
            if equal_quantities(key, option, self.settings.tolerance):
                return f"'{option}' is the quantity of the right option"
            if _abbreviates(key, option) or _abbreviates(option, key):
                return f"'{option}' and the right option are one term and its abbreviation"
        return None


@lru_cache(1 << 14)
def _base(text: str) -> tuple[str, ...]:
    """Return the words of a text without articles, in the singular."""
    return tuple(_singular(word) for word in normal(text).split() if word not in _ARTICLES)


def _singular(word: str) -> str:
    if len(word) < _MIN_PLURAL or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "xes", "sses")) else word[:-1]


def _has_sign(text: str) -> bool:
    return any(sign in text for sign in "+-−*/^<>=→≤≥×")  # noqa: RUF001


def _abbreviates(short: str, full: str) -> bool:
    """Return whether one text is the initials of the other: "DNA" of "deoxyribo nucleic acid"."""
    if not _ABBREVIATION.fullmatch(short.strip()):
        return False
    letters = short.strip().rstrip("s").replace(".", "").casefold()
    words = normal(full).split()
    initials = "".join(word[0] for word in words)
    bare = "".join(word[0] for word in words if word not in _SMALL)
    return len(words) > 1 and letters in (initials, bare)
