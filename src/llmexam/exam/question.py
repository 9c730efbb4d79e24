"""What an exam is made of.

Dimension vocabulary used in all docstrings: `n_questions`, `n_options` (of the question with
the most), `n_passages`, `k` (how many of the best are kept).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from llmexam.errors import ExamError
from llmexam.exam.letters import MAX_OPTIONS, MIN_OPTIONS, letter_of

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of text, used as evidence.

    Attributes:
        text: The passage itself.
        title: Title of the document it is from, or empty.
        id: What names it in its corpus, or empty.
        score: How well it answers the query that found it, higher is better; None if it was
            given with the question.
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
        prompt: What is asked.
        options: 2 to 26 texts. Blank or repeated ones are kept: `audit` finds them.
        answer: Index of the right option, or None where it is not known.
        passages: Evidence, best first.
        metadata: What else the file said, as text.
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

    @property
    def answer_letter(self) -> str | None:
        """The letter of the right option, or None where it is not known."""
        return None if self.answer is None else letter_of(self.answer)

    def with_passages(self, passages: Sequence[Passage]) -> Question:
        """Return this question with other evidence."""
        return replace(self, passages=tuple(passages))

    def with_option_order(self, order: Sequence[int]) -> Question:
        """Return this question with its options in another order; the answer moves along.

        Args:
            order: A permutation of 0..n_options-1; place j gets old option `order[j]`.
        """
        answer = None if self.answer is None else list(order).index(self.answer)
        return replace(self, options=tuple(self.options[i] for i in order), answer=answer)
