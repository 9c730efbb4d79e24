"""What a served model is sent: the passages, the question, a list of options, what to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmexam.exam.letters import letter_of
from llmexam.exam.question import Passage, Question

LETTER = "Answer with the letter of the right option and nothing else."
RANKING = (
    "Rank the options from the most to the least likely to be right. Answer with the letters "
    "alone, best first, separated by commas, such as: {example}"
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as it is sent.

    Attributes:
        text: The whole of it.
        truncated: Whether passages or the question had to be cut.
    """

    text: str
    truncated: bool


def write_prompt(
    question: Question, *, n_passages: int, max_characters: int, ranking: bool
) -> Prompt:
    """Return what is sent for a question, its options in the order they have.

    Args:
        question: The question.
        n_passages: Passages to send, best first.
        max_characters: Room for the question, and for passages in what it leaves; both are cut
            at their end, between words. The options are never cut.
        ranking: Whether to ask for an order of the letters, not for one letter.
    """
    asked = _cut(question.prompt, max_characters)
    passages = question.passages[:n_passages]
    room = max_characters - len(asked) if asked == question.prompt else 0
    evidence, fits = _fit(passages, room)
    options = "\n".join(
        f"{letter_of(place)}. {option}" for place, option in enumerate(question.options)
    )
    wanted = RANKING.format(example=_example(len(question.options))) if ranking else LETTER
    head = f"Passages:\n\n{evidence}\n\n" if evidence else ""
    text = f"{head}Question: {asked}\n\n{options}\n\n{wanted}"
    return Prompt(text, truncated=asked != question.prompt or not fits)


def _example(n_options: int) -> str:
    # Not in the order of the letters, which a weak model would repeat.
    letters = [letter_of(place) for place in range(min(n_options, 4))]
    return ", ".join([*letters[1::2], *letters[::2]])


def _fit(passages: Sequence[Passage], room: int) -> tuple[str, bool]:
    """Return the passages that fit, the last one cut, and whether all were there whole."""
    kept: list[str] = []
    for passage in passages:
        text = " ".join(passage.text.split())
        if not text:
            continue
        whole = f"{passage.title}: {text}" if passage.title else text
        part = _cut(whole, room)
        if part:
            kept.append(part)
        if part != whole:
            return "\n\n".join(kept), False
        room -= len(part)
    return "\n\n".join(kept), True


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    head = text[: max(0, room)]
    # A word cut in half may read as another word.
    return head.rsplit(None, 1)[0] if len(head.split()) > 1 else head
