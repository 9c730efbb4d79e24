"""How the answers of a file are meant, which is inferred from all of them, never from one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from llmexam.errors import ExamError
from llmexam.exam.parsers.answer_readings import Item, parts_of, readings_of

# With fewer, a wrong answer is likelier than another way to count than the documented one.
_MIN_ANSWERS = 3
_AS_TEXT = "If they are indices, use --answer-base 0 or 1"
_AS_INDEX = "if they are texts of options, give --answer-base text"


class Numbers(Enum):
    """What a number means as an answer."""

    INDEX = "an index"
    TEXT = "the text of an option"
    NEITHER = "neither for sure, as the other answers are letters"


@dataclass
class Column:
    """How the answers of a file are to be read.

    Attributes:
        base: Number of the first option, if answers are indices.
        numbers: What a number means.
        prefers_text: Whether the text of an option is meant where a letter would do as well.
        is_of_letters: Whether most answers are letters.
        ignores_numbers: Whether an answer is an index even where options have numbers as labels.
        notes: What the user should know about the inference.
    """

    base: int = 0
    numbers: Numbers = Numbers.TEXT
    prefers_text: bool = False
    is_of_letters: bool = False
    ignores_numbers: bool = False
    notes: list[str] = field(default_factory=list)


def infer(items: Sequence[Item], *, n_letters: int, base: int | None, style: str | None) -> Column:
    """Return how the answers of a file are to be read.

    Args:
        items: The answers that are not known to be letters.
        n_letters: Number of the other answers, which are letters.
        base: Number of the first option by the documentation of the format, if there is one.
        style: What the user says that answers are.

    Raises:
        ExamError: Numbers may be indices or texts of options, or may count from 0 or from 1.
    """
    if style == "text":
        return Column(prefers_text=True)
    counts, numbers = _count(items, base)
    letters = n_letters + counts["letter"]
    column = Column(is_of_letters=letters > counts["text"])
    if style is not None:
        column.base = int(style)
        column.ignores_numbers = True
        column.numbers = Numbers.INDEX
        column.prefers_text = counts["text"] > letters
        return column
    column.numbers = _numbers(counts, letters, base, column.notes)
    texts = counts["text"] + (counts["numeral"] if column.numbers is Numbers.TEXT else 0)
    column.prefers_text = texts > letters
    if column.numbers is Numbers.INDEX:
        column.base = _infer_base(numbers, base, column.notes)
    elif counts["both"] and letters == texts == 0:
        column.notes.append(
            f"the answers are letters and equal texts of options, and were read as letters: "
            f"{_AS_INDEX}"
        )
    return column


def _count(items: Sequence[Item], base: int | None) -> tuple[Counter[str], list[tuple[int, int]]]:
    """Return how often answers can be read in which ways, and numbers with option counts.

    The ways are `letter`, `text`, `both` of them; for numbers, `index`, `either` an index or the
    text of an option (`typed` if it is no text, `same` if both are one option), `numeral`, which
    is a text and beyond all indices, and `misfit`, which is neither.
    """
    counts: Counter[str] = Counter()
    numbers = []
    for item in items:
        for raw in parts_of(item):
            found = readings_of(raw, item)
            if found.label is not None:
                counts["letter"] += item.labels[found.label].isalpha()
                continue
            if found.number is not None:
                n = len(item.options)
                if 0 <= found.number <= n:
                    counts["index" if found.text is None else "either"] += 1
                    counts["typed"] += found.text is not None and not isinstance(raw, str)
                    counts["same"] += base is not None and found.text == found.number - base
                else:
                    counts["misfit" if found.text is None else "numeral"] += 1
                numbers.append((found.number, n))
            elif found.text is not None and found.letter is None:
                counts["text"] += 1
            elif found.letter is not None and found.text is None:
                counts["letter"] += 1
            elif found.letter != found.text:
                counts["both"] += 1
    return counts, numbers


def _numbers(counts: Counter[str], letters: int, base: int | None, notes: list[str]) -> Numbers:
    """Return what numbers mean in a file.

    Raises:
        ExamError: They may be indices or texts of options.
    """
    either, index = counts["either"], counts["index"]
    texts = counts["text"] + counts["numeral"]
    if index > texts:
        # Beside many letters, a few numbers are mistakes.
        if index + either > letters or (index + either == letters and base is not None):
            return Numbers.INDEX
        return Numbers.NEITHER if either else Numbers.TEXT
    if texts > index or not either:
        only_misfits = counts["misfit"] > letters + texts + index
        return Numbers.INDEX if only_misfits else Numbers.TEXT
    if letters >= either:
        return Numbers.NEITHER
    if counts["same"] == either and not index:
        return Numbers.INDEX
    if index:
        raise _undecided("some only as indices, as many only as texts")
    if counts["typed"]:
        notes.append(
            f"the answers are numbers and equal texts of options, and were read as indices: "
            f"{_AS_INDEX}"
        )
        return Numbers.INDEX
    if base is not None and either < _MIN_ANSWERS:
        raise _undecided("all of them as either")
    notes.append(
        f"the answers are numbers that equal texts of options, and were read as texts. {_AS_TEXT}"
    )
    return Numbers.TEXT


def _undecided(why: str) -> ExamError:
    return ExamError(
        f"the answers are numbers that may be indices or texts of options: they fit {why}",
        field="answer",
        hint="Give --answer-base text for texts, or --answer-base 0 or 1 for indices",
    )


def _infer_base(numbers: Sequence[tuple[int, int]], base: int | None, notes: list[str]) -> int:
    outside = [sum(not first <= number < n + first for number, n in numbers) for first in (0, 1)]
    low, high = min(number for number, _ in numbers), max(number for number, _ in numbers)
    if outside[0] == outside[1]:
        if outside[0] == 0:
            if base is None:
                raise ExamError(
                    f"the answers, {low} to {high}, may count the options from 0 or from 1: none "
                    "is 0, and none is the number of options",
                    field="answer",
                    hint="Use --answer-base 0 or --answer-base 1",
                )
            notes.append(
                f"the answers are indices, {low} to {high}; they were read as counting from "
                f"{base}, as documented for this format. If they count from {1 - base}, use "
                f"--answer-base {1 - base}"
            )
        return base or 0
    found = 0 if outside[0] < outside[1] else 1
    if base is not None and low != 0 and len(numbers) < _MIN_ANSWERS:
        return base
    if base != found:
        notes.append(
            f"the answers are indices that count from {found}, which was inferred from the whole "
            f"file ({low} to {high})"
        )
    return found
