"""Instruction tuning records: a JSON list (or JSON Lines) of `{"instruction", "input", "output"}`.

The input holds the question and one line per option:

    Question: What is the capital of France?
    A:Paris
    B:Rome

The output is the letter of the answer, or the letter with its text; blank without an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from llmexam.errors import ExamError
from llmexam.exam.letters import MIN_OPTIONS, letter_of

INSTRUCTION = (
    "The following is a multiple choice question, answer to the best of your capabilities."
)
_LETTER_FIRST = re.compile(r"\(?([A-Z])\s*[).:]")


def render_input(prompt: str, options: Sequence[str]) -> str:
    r"""Return the input field of a question.

    >>> render_input("1 + 1?", ["2", "3"])
    'Question: 1 + 1?\nA:2\nB:3'
    """
    # If all options start with a space, `parse_input` removes one, so one is added here.
    gap = " " if all(option.startswith(" ") for option in options) else ""
    lines = [f"{letter_of(i)}:{gap}{option}" for i, option in enumerate(options)]
    return "\n".join([f"Question: {prompt}", *lines])


def parse_input(text: str) -> tuple[str, tuple[str, ...]]:
    r"""Return the prompt and the options in an input field.

    Markers are searched from the end, because a prompt may contain a list of its own. If all
    options start with a space, that space belongs to the marker ("A: Paris").

    >>> parse_input("Question: Look:\nA: x\nWhich?\nA:2\nB:3")
    ('Look:\nA: x\nWhich?', ('2', '3'))

    Raises:
        ExamError: There is no "Question:", or fewer than two options.
    """
    body = text.removeprefix("Question:")
    if body == text:
        raise ExamError(
            "expected 'Question:' at the start",
            field="input",
            hint="The format is 'Question: ...', then lines 'A:...', 'B:...'",
        )
    body = body.removeprefix(" ")
    marks = _marks(body)
    if len(marks) < MIN_OPTIONS:
        raise ExamError(
            "expected at least two lines that start with 'A:', 'B:', ...",
            field="input",
            hint="Write each option on its own line",
        )
    ends = [*marks[1:], len(body)]
    options = tuple(body[start + len("\nA:") : end] for start, end in zip(marks, ends, strict=True))
    if all(option.startswith(" ") for option in options):
        options = tuple(option[1:] for option in options)
    return body[: marks[0]], options


def _marks(body: str) -> list[int]:
    """Return offsets of the line breaks before options: the longest run A, B, ... from the end."""
    for n_options in range(len(ascii_uppercase), 0, -1):
        places: list[int] = []
        end = len(body)
        for letter in reversed(ascii_uppercase[:n_options]):
            end = body.rfind(f"\n{letter}:", 0, end)
            if end < 0:
                break
            places.insert(0, end)
        if len(places) == n_options:
            return places
    return []


def parse_output(text: str, options: tuple[str, ...]) -> int | None:
    """Return the option that an output names by its letter or its text; None if it is blank.

    Raises:
        ExamError: It names no option, or could name two.
    """
    answer = text.strip()
    if not answer:
        return None
    faces = ascii_uppercase[: len(options)]
    if len(answer) == 1 and answer.upper() in faces:
        return faces.index(answer.upper())
    marked = _LETTER_FIRST.match(answer)
    if marked and marked[1] in faces:
        return faces.index(marked[1])
    # "A cat" may be the letter A with the text "cat", or a text that starts with an article.
    meant = [
        i
        for i, option in enumerate(options)
        if answer in (option.strip(), f"{faces[i]} {option.strip()}")
    ]
    if len(meant) == 1:
        return meant[0]
    shown = answer if len(answer) <= 40 else answer[:37] + "..."
    raise ExamError(
        f"expected as answer one of A-{faces[-1]} or the text of an option, got '{shown}'",
        field="output",
        hint="Write the letter, or the letter, a colon and the text",
    )
