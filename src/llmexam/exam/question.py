"""Questions and passages.

Dimension vocabulary used in all docstrings: `n_questions`, `n_options` (of the question with
the most), `n_passages`, `k` (top k).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.letters import MAX_OPTIONS, MIN_OPTIONS, letter_of

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of text, used as evidence.

    Attributes:
        text: The text of the passage.
        title: Title of its document, or empty.
        id: Its id in the corpus, or empty.
        score: Retrieval score, higher is better; None if it was given with the question.
    """

    text: str
    title: str = ""
    id: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its options and its evidence.

    Attributes:
        id: Unique within its exam.
        prompt: The question text.
        options: 2 to 26 texts. They may be blank or repeated; `audit` reports that.
        answer: Index of the right option, or None if unlabelled.
        passages: Evidence, best first.
        metadata: Other fields of the file, as texts.
    """

    id: str
    prompt: str
    options: tuple[str, ...]
    answer: int | None = None
    passages: tuple[Passage, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        if not MIN_OPTIONS <= len(self.options) <= MAX_OPTIONS:
            raise ExamError(
                f"question '{self.id}': expected {MIN_OPTIONS} to {MAX_OPTIONS} "
                f"options, got {len(self.options)}",
                hint="Correct the number of options",
            )
        if self.answer is not None and not 0 <= self.answer < len(self.options):
            raise ExamError(
                f"question '{self.id}': expected an answer index from 0 to "
                f"{len(self.options) - 1}, got {self.answer}"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view of a mapping cannot be pickled.
        values = (self.id, self.prompt, self.options, self.answer, self.passages)
        return Question, (*values, dict(self.metadata))

    @property
    def answer_letter(self) -> str | None:
        """The letter of the right option, or None if unlabelled."""
        return None if self.answer is None else letter_of(self.answer)

    def with_passages(self, passages: Sequence[Passage]) -> Question:
        """Return this question with other evidence."""
        return replace(self, passages=tuple(passages))

    def with_option_order(self, order: Sequence[int]) -> Question:
        """Return this question with reordered options and the answer adjusted.

        Args:
            order: A permutation of 0..n_options-1; position j gets the old option `order[j]`.
        """
        answer = None if self.answer is None else list(order).index(self.answer)
        return replace(self, options=tuple(self.options[i] for i in order), answer=answer)
