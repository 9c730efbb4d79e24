"""Check `letters` of the whole set: right options are spread evenly over positions."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from llmexam.authoring.checks.protocol import Balanced
from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.balance import letter_shares
from llmexam.settings.base import Settings


class LettersSettings(Settings):
    """Settings of check `letters`."""

    level: float = Field(
        0.05,
        ge=0,
        le=1,
        description="p-value of the positions below which options are reordered; 1 always does",
    )
    seed: int = Field(0, ge=0, description="random seed of the positions")


class LettersCheck:
    """Reorders options where right options prefer a position; it removes no question.

    Questions with the same number of options get each position equally often, in an order drawn
    by the seed. The right option changes places with the one at its new position.
    """

    name = "letters"

    def __init__(self, settings: LettersSettings | None = None) -> None:
        self.settings = settings or LettersSettings()

    def balance(self, items: Sequence[AuthoredItem]) -> Balanced:
        """Return all questions, some with options in another order."""
        before = self._p_value(items)
        if before is None or (before >= self.settings.level and self.settings.level < 1):
            measures = {} if before is None else {"p_value": before}
            return Balanced(tuple(items), {}, 0, measures, measures)
        groups: defaultdict[int, list[int]] = defaultdict(list)
        for place, item in enumerate(items):
            if item.question.answer is not None:
                groups[len(item.question.options)].append(place)
        dealt = list(items)
        for size, places in groups.items():
            drawn = sorted(places, key=lambda place: self._draw(items[place]))
            for number, place in enumerate(drawn):
                dealt[place] = _move_answer(items[place], number % size)
        n_changed = sum(a is not b for a, b in zip(items, dealt, strict=True))
        after = self._p_value(dealt)
        assert after is not None
        return Balanced(tuple(dealt), {}, n_changed, {"p_value": before}, {"p_value": after})

    def _p_value(self, items: Sequence[AuthoredItem]) -> float | None:
        rows = [(row, item.question) for row, item in enumerate(items, 1)]
        return letter_shares(rows, seed=self.settings.seed)[1]

    def _draw(self, item: AuthoredItem) -> bytes:
        text = f"{self.settings.seed}\0{item.question.id}"
        return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def _move_answer(item: AuthoredItem, position: int) -> AuthoredItem:
    answer = item.question.answer
    if answer is None or answer == position:
        return item
    order = list(range(len(item.question.options)))
    order[answer], order[position] = position, answer
    return replace(
        item,
        question=item.question.with_option_order(order),
        distractor_notes=tuple(item.distractor_notes[i] for i in order),
    )
