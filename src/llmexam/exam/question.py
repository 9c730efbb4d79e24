"""Questions and passages.

Dimension vocabulary used in all docstrings: `n_questions`, `n_options` (of the question with
the most), `n_passages`, `k` (top k).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
        answer: Index of the right option, or None if unlabelled; the first of several.
        passages: Evidence, best first.
        metadata: Other fields of the file, as texts.
        right: Indices of all right options, ascending, if there are several; else empty.
    """

    id: str
    prompt: str
    options: tuple[str, ...]
    answer: int | None = None
    passages: tuple[Passage, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    right: tuple[int, ...] = ()

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
        if self.right:
            self._check_right()

    def _check_right(self) -> None:
        in_order = tuple(sorted(set(self.right)))
        if len(in_order) < 2 or in_order != self.right:
            raise ExamError(
                f"question '{self.id}': expected two or more different right options in "
                f"ascending order, got {list(self.right)}",
                hint="Leave `right` empty where one option is right",
            )
        if not 0 <= in_order[0] <= in_order[-1] < len(self.options):
            raise ExamError(
                f"question '{self.id}': expected right options from 0 to "
                f"{len(self.options) - 1}, got {list(self.right)}"
            )
        if self.answer != self.right[0]:
            raise ExamError(
                f"question '{self.id}': expected the first right option ({self.right[0]}) as "
                f"the answer, got {self.answer}"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view of a mapping cannot be pickled.
        values = (self.id, self.prompt, self.options, self.answer, self.passages)
        return Question, (*values, dict(self.metadata), self.right)

    @property
    def answer_letter(self) -> str | None:
        """The letter of the right option (the first of several), or None if unlabelled."""
        return None if self.answer is None else letter_of(self.answer)

    @property
    def right_options(self) -> tuple[int, ...]:
        """The indices of all right options, ascending; empty if unlabelled."""
        return self.right or (() if self.answer is None else (self.answer,))

    @property
    def right_letters(self) -> str:
        """The letters of all right options, such as "B" or "A, C"; empty if unlabelled."""
        return ", ".join(letter_of(i) for i in self.right_options)

    def with_passages(self, passages: Sequence[Passage]) -> Question:
        """Return this question with other evidence."""
        return replace(self, passages=tuple(passages))

    def with_option_order(self, order: Sequence[int]) -> Question:
        """Return this question with reordered options and the answer adjusted.

        Args:
            order: A permutation of 0..n_options-1; position j gets the old option `order[j]`.
        """
        answer, right = split_right(list(order).index(i) for i in self.right_options)
        options = tuple(self.options[i] for i in order)
        return replace(self, options=options, answer=answer, right=right)


def split_right(options: Iterable[int]) -> tuple[int | None, tuple[int, ...]]:
    """Return `Question.answer` and `Question.right` for the right options of a question.

    >>> split_right([2, 0]), split_right([1]), split_right([])
    ((0, (0, 2)), (1, ()), (None, ()))
    """
    found = tuple(sorted(set(options)))
    return (found[0] if found else None), (found if len(found) > 1 else ())
