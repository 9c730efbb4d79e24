"""Prompts of served models: passages, question, list of options, answer format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from llmexam.errors import SettingsError
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Passage, Question
from llmexam.solvers.prompts.template import PromptTemplate, read_template
from llmexam.solvers.prompts.wording import Shot

SYSTEM = "You take an exam of multiple-choice questions. Exactly one option is right."
LETTER = "Answer with the letter of the right option and nothing else."
RANKING = (
    "Rank the options from the most to the least likely to be right. Answer with the letters "
    "alone, best first, separated by commas, such as: {example}"
)


# Placeholder for a letter when a template is inspected; no text contains it.
_LETTER = "\0"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered question.

    Attributes:
        text: The text.
        truncated: Whether passages or the question were truncated.
    """

    text: str
    truncated: bool


class Wording(Protocol):
    """Interface of prompt formats.

    Attributes:
        system: Default system message.
        instructions: Instructions at the start.
        separator: Text between instructions, examples and question in a single text.
        cue: End of a single text, which the letter follows.
    """

    system: str
    instructions: str
    separator: str
    cue: str

    def put(self, question: Question, *, n_passages: int, max_characters: int) -> Prompt:
        """Return the rendered question, with its options in order.

        Args:
            question: The question.
            n_passages: Maximum number of passages, best first.
            max_characters: Maximum length of the question, and of the passages in the rest;
                both are truncated at their end, between words. Options are never truncated.
        """
        ...

    def answer(self, question: Question) -> str:
        """Return the answer of an example, which follows the cue."""
        ...


class OwnWording:
    """Default prompt format for chat models.

    Args:
        ranking: Whether to request an order of the letters instead of one letter.
    """

    system = SYSTEM
    instructions = ""
    separator = "\n\n"
    cue = "\n\nAnswer:"

    def __init__(self, *, ranking: bool) -> None:
        self._ranking = ranking

    def put(self, question: Question, *, n_passages: int, max_characters: int) -> Prompt:
        """Return the rendered question; see `Wording`."""
        asked = _cut(question.prompt, max_characters)
        passages = [_titled(passage) for passage in question.passages[:n_passages]]
        room = max_characters - len(asked) if asked == question.prompt else 0
        kept, fits = _fit(passages, room)
        options = "\n".join(
            f"{letter_of(place)}. {option.strip()}" for place, option in enumerate(question.options)
        )
        n_options = len(question.options)
        wanted = RANKING.format(example=_example(n_options)) if self._ranking else LETTER
        evidence = "\n\n".join(kept)
        head = f"Passages:\n\n{evidence}\n\n" if evidence else ""
        text = f"{head}Question: {asked}\n\n{options}\n\n{wanted}"
        return Prompt(text, truncated=asked != question.prompt or not fits)

    def answer(self, question: Question) -> str:
        """Return the right letter; in a ranking followed by the others in pseudorandom order."""
        right = question.answer or 0
        if not self._ranking:
            return f" {letter_of(right)}"
        others = [place for place in range(len(question.options)) if place != right]
        turn = crc32(question.id.encode()) % len(others)
        order = [right, *others[turn:], *others[:turn]]
        return " " + ", ".join(letter_of(place) for place in order)


class TemplateWording:
    """Prompt format of a template of solver `causal-lm`.

    Args:
        template: A template of mode letters.
    """

    def __init__(self, template: PromptTemplate) -> None:
        self._template = template
        self.system = ""
        self.instructions = template.instructions
        self.separator = template.separator
        self._begin = template.render_answer(letter=_LETTER).partition(_LETTER)[0]
        # A trailing space would belong to the token of the letter.
        self.cue = self._begin.rstrip(" ")

    def put(self, question: Question, *, n_passages: int, max_characters: int) -> Prompt:
        """Return the rendered question; see `Wording`."""
        asked = _cut(question.prompt, max_characters)
        passages = [passage.text.strip() for passage in question.passages[:n_passages]]
        room = max_characters - len(asked) if asked == question.prompt else 0
        kept, fits = _fit(passages, room)
        options = [
            {"letter": letter_of(place), "text": option}
            for place, option in enumerate(question.options)
        ]
        text = self._template.render_question(
            context="\n".join(kept), prompt=asked, options=options
        )
        return Prompt(text, truncated=asked != question.prompt or not fits)

    def answer(self, question: Question) -> str:
        """Return the answer as rendered by the template."""
        whole = self._template.render_answer(letter=letter_of(question.answer or 0))
        return whole[len(self.cue) :]


def served_template(name: str) -> PromptTemplate:
    """Return a template that is suitable for served models.

    Raises:
        SettingsError: There is none, or its mode is not letters.
    """
    template = read_template(name)
    if template.mode != "letters":
        raise SettingsError(
            "expected a template of mode letters for a served model, got template "
            f"'{name}' of mode '{template.mode}'",
            field="template",
            hint="Choose a template of mode letters",
        )
    if _LETTER not in template.render_answer(letter=_LETTER):
        raise SettingsError(
            "the `answer` of the template does not contain the letter",
            file=name,
            field="answer",
            hint="Put {{ letter }} into `answer`",
        )
    return template


def write_shot(wording: Wording, example: Question) -> Shot:
    """Return a few-shot example without passages, with its answer."""
    put = wording.put(example, n_passages=0, max_characters=max(1, len(example.prompt)))
    return Shot(put.text, wording.answer(example))


def _example(n_options: int) -> str:
    # Not in alphabetical order, which a weak model would copy.
    letters = [letter_of(place) for place in range(min(n_options, 4))]
    return ", ".join([*letters[1::2], *letters[::2]])


def _titled(passage: Passage) -> str:
    text = " ".join(passage.text.split())
    return f"{passage.title}: {text}" if passage.title and text else text


def _fit(passages: Sequence[str], room: int) -> tuple[list[str], bool]:
    """Return the passages that fit, the last one truncated, and whether nothing was cut."""
    kept: list[str] = []
    for whole in passages:
        if not whole:
            continue
        part = _cut(whole, room)
        if part:
            kept.append(part)
        if part != whole:
            return kept, False
        room -= len(part)
    return kept, True


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    head = text[: max(0, room)]
    # Truncated between words, because half a word may be another word.
    return head.rsplit(None, 1)[0] if len(head.split()) > 1 else head
