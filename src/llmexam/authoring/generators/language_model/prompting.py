"""What a language model is asked for: prompt files, and requests made of them.

A prompt file says what the model writes, in words for chat models and for base models. The worked
examples are in `prompts/examples.yaml`. The version of a prompt contains a hash of both files, so
that no two wordings have the same version.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import Field, field_validator

from llmexam.authoring.item import Style
from llmexam.errors import SettingsError
from llmexam.generation.turns import Format
from llmexam.generation.writer import TextRequest
from llmexam.settings.base import Settings
from llmexam.solvers.prompts.wording import Shot
from llmexam.storage.hashing import hash_json
from llmexam.storage.yaml_text import load_yaml

Part = Literal["whole", "stem", "distractors", "answer"]
"""What the model writes: the whole question, or only its question text, wrong options or answer."""

_FOLDER = "prompts"
_FIELD = re.compile(r"\{(n_wrong|style)\}")
# Separates the examples of a plain prompt; a base model writes it where its answer ends.
_END = "###"
# Most tokens of a question, of quote, question and answer, and of an option with its note.
_QUESTION_TOKENS = 50
_ANSWER_TOKENS = 25
_HEAD_TOKENS = 120
_OPTION_TOKENS = 30


class Example(Settings):
    """A worked example of one style.

    Attributes:
        wrong: Wrong options, each with its reason after a bar.
    """

    quote: str
    question: str
    answer: str
    wrong: tuple[str, ...]

    @field_validator("quote", "question", "answer")
    @classmethod
    def _on_one_line(cls, value: str) -> str:
        return " ".join(value.split())

    def lines(self, part: Part, n_wrong: int) -> str:
        """Return what the model writes of this example, as labelled lines."""
        wrong = [f"Wrong: {one}" for one in self.wrong[:n_wrong]]
        head = [f"Quote: {self.quote}", f"Question: {self.question}", f"Answer: {self.answer}"]
        match part:
            case "whole":
                return "\n".join([*head, *wrong])
            case "stem":
                return f"Question: {self.question}"
            case "distractors":
                return "\n".join(wrong)
            case "answer":
                return f"Answer: {self.answer}"


class ExamplePassage(Settings):
    """A passage with an example of each style."""

    passage: str
    styles: dict[Style, Example]


class Examples(Settings):
    """The worked examples."""

    version: int
    examples: tuple[ExamplePassage, ...]


class PromptFile(Settings):
    """The wording of a prompt."""

    version: int = Field(description="number of the wording")
    shows: Literal["passage", "quote"] = Field(description="what the model reads")
    system: str = Field(description="system message of chat models")
    plain: str = Field(description="heading of the text that base models continue")
    task: str = Field(description="request to chat models, below the passage or quote")
    styles: dict[Style, str] = Field(description="request of each style, in place of {style}")


class Prompting:
    """Makes the requests for one part of a question.

    Args:
        part: What the model writes.

    Attributes:
        part: What the model writes.
        version: Part, version and hash of the wording: `"whole-1-9f86d081"`.
    """

    def __init__(self, part: Part) -> None:
        self.part: Part = part
        self._file = _prompt_file(part)
        self._examples = _examples()
        content = [self._file.model_dump(mode="json"), self._examples.model_dump(mode="json")]
        self.version = f"{part}-{self._file.version}-{hash_json(content)[:8]}"

    def examples_of(self, style: Style) -> tuple[str, ...]:
        """Return the questions of the worked examples, which small models repeat."""
        return tuple(one.styles[self._style(style)].question for one in self._examples.examples)

    def request(
        self,
        given: str,
        style: Style,
        n_options: int,
        *,
        format: Format,
        subject: str,
        draw: int,
        question: str = "",
        answer: str = "",
    ) -> TextRequest:
        """Return the request for a question.

        Args:
            given: The passage, or the quote for parts of a question.
            style: Style of the question.
            n_options: Options of the question, the answer included.
            format: How the model's prompts are written.
            subject: What it is about, for error texts.
            draw: Number of the draw.
            question: The question text, where only the wrong options are written.
            answer: The right option, where only a part of the question is written.
        """
        style, n_wrong = self._style(style), n_options - 1
        examples = self._examples.examples if format == "plain" else self._examples.examples[:1]
        shown = [
            (self._shown(self._source_of(one, style), example.question, example.answer), example)
            for one in examples
            for example in (one.styles[style],)
        ]
        asked = self._shown(given, question, answer)
        likely = examples[0].styles[style].lines(self.part, n_wrong)
        if format == "plain":
            parts = [self._fill(self._file.plain, style, n_wrong)]
            parts += [f"{text}\n{one.lines(self.part, n_wrong)}" for text, one in shown]
            text = f"\n\n{_END}\n\n".join([*parts, f"{asked}\n{self.cue}"])
            return TextRequest(
                subject,
                text,
                stop=("\n",) if self.part in ("stem", "answer") else (_END, "\n\n"),
                max_new_tokens=self._limit(n_wrong),
                draw=draw,
                likely_answer=likely,
            )
        task = self._fill(self._file.task, style, n_wrong)
        return TextRequest(
            subject,
            f"{asked}\n\n{task}",
            system=self._fill(self._file.system, style, n_wrong),
            shots=tuple(
                Shot(f"{text}\n\n{task}", one.lines(self.part, n_wrong)) for text, one in shown
            ),
            max_new_tokens=self._limit(n_wrong),
            draw=draw,
            likely_answer=likely,
        )

    @property
    def cue(self) -> str:
        """The label that a plain prompt ends with, and that an answer lacks therefore."""
        cues = {"whole": "Quote:", "stem": "Question:", "distractors": "Wrong:"}
        return cues.get(self.part, "Answer:")

    def _limit(self, n_wrong: int) -> int:
        match self.part:
            case "whole":
                return _HEAD_TOKENS + n_wrong * _OPTION_TOKENS
            case "stem":
                return _QUESTION_TOKENS
            case "distractors":
                return n_wrong * _OPTION_TOKENS
            case "answer":
                return _ANSWER_TOKENS

    def _source_of(self, one: ExamplePassage, style: Style) -> str:
        shown = one.passage if self._file.shows == "passage" else one.styles[style].quote
        return " ".join(shown.split())

    def _shown(self, given: str, question: str, answer: str) -> str:
        label = "Passage" if self._file.shows == "passage" else "Sentence"
        lines = [f"{label}: {' '.join(given.split())}"]
        if self.part in ("distractors", "answer"):
            lines.append(f"Question: {question}")
        if self.part in ("distractors", "stem"):
            lines.append(f"Answer: {answer}")
        return "\n".join(lines)

    def _fill(self, text: str, style: Style, n_wrong: int) -> str:
        values = {"n_wrong": str(n_wrong), "style": self._file.styles.get(style, "")}
        return _FIELD.sub(lambda match: values[match[1]], " ".join(text.split()))

    def _style(self, style: Style) -> Style:
        # A gap in a sentence is asked for as a definition is.
        return "definition" if style == "cloze" else style


def _read(name: str) -> object:
    path = files(__package__) / _FOLDER / f"{name}.yaml"
    return load_yaml(path.read_text(encoding="utf-8"), file=f"{name}.yaml")


@lru_cache
def _prompt_file(part: Part) -> PromptFile:
    return PromptFile.parse(_mapping(part), subject=f"the prompt '{part}'")


@lru_cache
def _examples() -> Examples:
    return Examples.parse(_mapping("examples"), subject="the worked examples")


def _mapping(name: str) -> dict[str, object]:
    found = _read(name)
    if not isinstance(found, dict):
        raise SettingsError(f"expected keys and values in {name}.yaml")
    return found
