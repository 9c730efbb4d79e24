"""Check `overlap`: the question is in none of the given exams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.near import PromptIndex
from llmexam.exam.audit.repeats import options_key
from llmexam.exam.parsers import read_rows
from llmexam.exam.question import Question
from llmexam.sample import exam_path
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import SampleOrPath


class OverlapSettings(Settings):
    """Settings of check `overlap`."""

    against: OneOrMany[SampleOrPath] = Field(
        (), description="exams that should share no question with the authored ones"
    )
    threshold: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Jaccard similarity of word trigrams from which prompts are near duplicates",
    )
    reject_similar: bool = Field(
        False, description="also reject near-equal prompts that share no option"
    )


class OverlapCheck:
    """Rejects questions that another exam contains, exactly or as near duplicates.

    Args:
        settings: The exams, which are read at once, and what counts as a near duplicate.

    Raises:
        ExamError: An exam cannot be read.
    """

    name = "overlap"
    rejects = True

    def __init__(self, settings: OverlapSettings | None = None) -> None:
        self.settings = settings or OverlapSettings()
        # At once, so that a wrong path is an error before questions are written.
        self._indexes: list[tuple[str, PromptIndex]] | None = self._read()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the indexes, which are built again from the files."""
        return {"settings": self.settings, "_indexes": None}

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        if self._indexes is None:
            self._indexes = self._read()
        return [self._judge(item.question, self._indexes) for item in items]

    def _read(self) -> list[tuple[str, PromptIndex]]:
        return [(Path(path).name, self._index(path)) for path in self.settings.against]

    def _index(self, path: str) -> PromptIndex:
        rows = read_rows(exam_path(path)).rows
        return PromptIndex(rows, threshold=self.settings.threshold, seed=0)

    def _judge(self, question: Question, indexes: Sequence[tuple[str, PromptIndex]]) -> str | None:
        for name, index in indexes:
            found = overlap_with(index, question)
            if found is not None and (self.settings.reject_similar or found[1] != "similar prompt"):
                return f"{found[1]} in row {found[0]} of {name}"
        return None


def overlap_with(index: PromptIndex, question: Question) -> tuple[int, str] | None:
    """Return row and kind of the occurrence of a question in an index, or None."""
    same = index.same_prompt(question)
    if same:
        key = options_key(question)
        for row, other in same:
            if options_key(other) == key:
                return row, "same question"
        return same[0][0], "same prompt"
    near = index.nearest(question)
    return None if near is None else near[:2]
