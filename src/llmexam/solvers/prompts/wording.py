"""Instructions, examples and question, as one text or as the messages of a chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Shot:
    """An example: a question as it is put, and its answer."""

    question: str
    answer: str


def as_text(instructions: str, shots: Sequence[Shot], asked: str, *, separator: str) -> str:
    """Return what is read before the answer, as one text.

    Args:
        instructions: What is said once, before all; may be empty.
        shots: Examples, in order.
        asked: The question as it is put.
        separator: What goes between these.
    """
    parts = [instructions] if instructions else []
    parts += [shot.question + shot.answer for shot in shots]
    return separator.join([*parts, asked])


def as_messages(system: str, shots: Sequence[Shot], asked: str) -> list[Message]:
    """Return the same as a chat, which the answer goes on.

    Args:
        system: What is said before; empty for no such message.
        shots: Examples, in order: what the user says, and the assistant.
        asked: The question as it is put.
    """
    messages = [{"role": "system", "content": system}] if system else []
    for shot in shots:
        messages.append({"role": "user", "content": shot.question})
        # An answer begins a turn, so without the space that follows a text.
        messages.append({"role": "assistant", "content": shot.answer.strip()})
    return [*messages, {"role": "user", "content": asked}]


def without_system(messages: Sequence[Message], *, separator: str) -> list[Message]:
    """Return a chat in which the user says first what the system said.

    Args:
        messages: The chat, with a message of the system before all others.
        separator: What goes between the two.
    """
    system, opening, *rest = messages
    told = f"{system['content']}{separator}{opening['content']}"
    return [{"role": opening["role"], "content": told}, *rest]
