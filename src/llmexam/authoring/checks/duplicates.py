"""Check `duplicates` of the whole set: of near-equal questions only the first is kept."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from llmexam.authoring.checks.protocol import Balanced
from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.near import PromptIndex
from llmexam.exam.normalise import normalise
from llmexam.exam.question import Question
from llmexam.settings.base import Settings


class DuplicatesSettings(Settings):
    """Settings of check `duplicates`."""

    threshold: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Jaccard similarity of word trigrams from which prompts are near duplicates",
    )
    remove_similar: bool = Field(
        False, description="also remove near-equal prompts that share no option"
    )


class DuplicatesCheck:
    """Removes questions with the prompt of an earlier one, or nearly, and an option in common."""

    name = "duplicates"

    def __init__(self, settings: DuplicatesSettings | None = None) -> None:
        self.settings = settings or DuplicatesSettings()

    def balance(self, items: Sequence[AuthoredItem]) -> Balanced:
        """Return the questions without later duplicates."""
        kept = list(items)
        removed: dict[str, str] = {}
        while True:
            found = self._find(kept)
            if not found:
                break
            removed |= found
            kept = [item for item in kept if item.question.id not in found]
            # `nearest` finds one match only: another one may be left.
        return Balanced(tuple(kept), removed)

    def _find(self, items: Sequence[AuthoredItem]) -> dict[str, str]:
        rows = [(row, item.question) for row, item in enumerate(items)]
        index = PromptIndex(rows, threshold=self.settings.threshold, seed=0)
        found: dict[str, str] = {}
        for row, question in rows:
            earlier = self._earlier(index, row, question)
            if earlier is not None and items[earlier].question.id not in found:
                found[question.id] = f"duplicate of '{items[earlier].question.id}'"
        return found

    def _earlier(self, index: PromptIndex, row: int, question: Question) -> int | None:
        options = _options(question)
        for other_row, other in index.same_prompt(question):
            if other_row < row and (self.settings.remove_similar or options & _options(other)):
                return other_row
        near = index.nearest(question, skip_same_prompt=True)
        if near is None or near[0] >= row:
            return None
        return near[0] if near[1] == "near duplicate" or self.settings.remove_similar else None


def _options(question: Question) -> set[str]:
    return {text for option in question.options if (text := normalise(option))}
