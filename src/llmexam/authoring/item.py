"""Authored questions, with their provenance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmexam.exam.question import Passage, Question

Style = Literal["definition", "cause", "comparison", "number", "statement", "cloze"]


@dataclass(frozen=True, slots=True)
class Source:
    """A passage to write questions from.

    Attributes:
        passage: The passage; its id and title are kept.
        cluster: Id of the article or section that it is from. Questions of one cluster are not
            independent of each other.
    """

    passage: Passage
    cluster: str


@dataclass(frozen=True, slots=True)
class AuthoredItem:
    """A question written from a passage.

    Attributes:
        question: Prompt, options and answer; its only passage is the one it was written from.
        quote: Text of the passage that supports the answer, word for word.
        cluster: Id of the article or section of the passage.
        style: Kind of question.
        generator: Name of the generator, with its model.
        prompt_version: Version of the rules or the prompt that wrote it.
        distractor_notes: Source or refutation of each option, in the options' order; that of the
            answer is empty.
        difficulty: Estimated difficulty from 0 (easy) to 1, or None where it was not estimated.
    """

    question: Question
    quote: str
    cluster: str
    style: Style
    generator: str
    prompt_version: str
    distractor_notes: tuple[str, ...]
    difficulty: float | None = None
