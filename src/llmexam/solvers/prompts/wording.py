"""Assembly of instructions, examples and question into one text or chat messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Shot:
    """A few-shot example: a rendered question and its answer."""

    question: str
    answer: str


def as_text(instructions: str, shots: Sequence[Shot], asked: str, *, separator: str) -> str:
    """Return the prompt as one text.

    Args:
        instructions: Instructions at the start; may be empty.
        shots: Few-shot examples, in order.
        asked: The rendered question.
        separator: Text between these parts.
    """
    parts = [instructions] if instructions else []
    parts += [shot.question + shot.answer for shot in shots]
    return separator.join([*parts, asked])


def as_messages(system: str, shots: Sequence[Shot], asked: str) -> list[Message]:
    """Return the prompt as chat messages.

    Args:
        system: The system message; empty for none.
        shots: Few-shot examples, in order: user and assistant turns.
        asked: The rendered question.
    """
    messages = [{"role": "system", "content": system}] if system else []
    for shot in shots:
        messages.append({"role": "user", "content": shot.question})
        # An answer starts a turn, so without the leading space of a continued text.
        messages.append({"role": "assistant", "content": shot.answer.strip()})
    return [*messages, {"role": "user", "content": asked}]


def without_system(messages: Sequence[Message], *, separator: str) -> list[Message]:
    """Return a chat with the system message prepended to the first user message.

    Args:
        messages: The chat, which starts with a system message.
        separator: Text between the two.
    """
    system, opening, *rest = messages
    told = f"{system['content']}{separator}{opening['content']}"
    return [{"role": opening["role"], "content": told}, *rest]
