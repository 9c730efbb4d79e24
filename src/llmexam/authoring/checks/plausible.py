"""Check `plausible`: distractors resemble the right option, but not too much."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import Field

from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.flaws import options as rules
from llmexam.exam.audit.flaws.reading import Reading, normal
from llmexam.exam.wording import means_all, means_none
from llmexam.settings.base import Settings

_GRAM = 3
# Longer options make statements, and good ones differ in a single word or in the order of words.
_MAX_COMPARED = 40


class PlausibleSettings(Settings):
    """Settings of check `plausible`."""

    max_similarity: float = Field(
        0.9,
        gt=0,
        le=1,
        description="largest similarity of a distractor to the right option: Dice coefficient of "
        "character trigrams; numbers and texts of more than 40 characters are not compared",
    )
    max_length_ratio: float = Field(
        6.0,
        ge=1,
        description="largest ratio of the lengths of a distractor and the right option, in "
        "characters",
    )
    same_kind: bool = Field(
        True, description="reject a single number among texts, and a single text among numbers"
    )


class PlausibleCheck:
    """Rejects questions with a distractor that can be ruled out by its form, or is a near copy."""

    name = "plausible"
    rejects = True

    def __init__(self, settings: PlausibleSettings | None = None) -> None:
        self.settings = settings or PlausibleSettings()

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        return [self._judge(item) for item in items]

    def _judge(self, item: AuthoredItem) -> str | None:
        reading = Reading(item.question)
        if self.settings.same_kind and (reason := rules.mixed_kinds(reading)):
            return reason
        if reading.key is None:
            return None
        for option in reading.distractors:
            if means_all(option) or means_none(option):
                continue
            ratio = _length_ratio(option, reading.key)
            if ratio > self.settings.max_length_ratio:
                return f"'{_short(option)}' and the right option differ {ratio:.1f}-fold in length"
            if max(len(option), len(reading.key)) > _MAX_COMPARED:
                continue
            if any(map(str.isdigit, option + reading.key)):
                continue
            similarity = _dice(_trigrams(option), _trigrams(reading.key))
            if similarity > self.settings.max_similarity:
                return f"'{_short(option)}' is a near copy of the right option ({similarity:.2f})"
        return None


@lru_cache(1 << 14)
def _trigrams(text: str) -> frozenset[str]:
    padded = f" {normal(text)} "
    return frozenset(padded[i : i + _GRAM] for i in range(max(len(padded) - _GRAM + 1, 1)))


def _dice(a: frozenset[Any], b: frozenset[Any]) -> float:
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0


def _length_ratio(a: str, b: str) -> float:
    # Short words differ several-fold without being odd: "ion" and "electron cloud".
    short, long = sorted((len(a) + 4, len(b) + 4))
    return long / short


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
