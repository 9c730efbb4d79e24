"""Options inside a text: `A) Paris B) Rome`, one per line or in one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import NamedTuple

from llmexam.exam.letters import MAX_OPTIONS, MIN_OPTIONS

_STYLES = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^[ \t]*[(\[]?([A-Za-z])[)\].:\u3001\uff0e\uff1a\uff09][ \t]*",
        r"(?<!\w)\(([A-Za-z])\)[ \t]*",
        r"(?<![\w(])([A-Za-z]) ?\)[ \t]*",
        r"(?<![\w.])([A-Z])[.:\u3001\uff0e] ",
        r"(?<!\w)(?:Answer|Option|Ending|Solution|Choice) ?(\d{1,2}) ?: ?",
        r"^[ \t]*\(?(\d{1,2})[).][ \t]+",
        r"(?<!\w)\((\d)\)[ \t]*",
    )
)
_HEADING = re.compile(
    r"(?:(?:answer )?(?:options|choices)(?: are)?|possible answers)[ \t]{0,5}:?\s{0,9}\Z",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:\n[ \t\r]{0,9}\n|\n[ \t]{0,9}(?:the )?(?:correct )?answer\b|\banswer format ?:).*\Z",
    re.IGNORECASE | re.DOTALL,
)
_FORMAT = re.compile(r"answer format ?: ?([^\s/]+(?:/[^\s/]+)+)\Z", re.IGNORECASE)
_OWN_LABEL = re.compile(r"\s*[(\[]?([A-Za-z]|\d{1,2})\s?[)\].:\u3001\uff0e\uff1a\uff09]\s*")
_SPACED_LABEL = re.compile(r"\s*([A-Z])\s+(?=\S)")
_MIN_SPACED = 3
# A text of thousands of labels is no list of options, and takes long to search.
_MOST_MARKS = 300
_WITH_SPACE = re.compile(r"\s*[(\[]?\d{1,2}\s?(?:[.\uff0e]\s|[\]\uff09\u3001])")


class Split(NamedTuple):
    """A text split into a question and its options.

    Attributes:
        prompt: The question.
        options: The options.
        labels: Their labels if these are numbers, else empty.
    """

    prompt: str
    options: tuple[str, ...]
    labels: tuple[str, ...] = ()


def split_options(text: str) -> Split | None:
    r"""Return the question and the options inside a text, or None if it has no options.

    The last run of labels in order (A, B, ... or 1, 2, ...) marks the options.

    >>> split_options("1 + 1? Answer Choices: (A) 2 (B) 3")
    Split(prompt='1 + 1?', options=('2', '3'), labels=())
    >>> split_options("Capital of France?\nA. Paris\nB. Rome\nAnswer:")
    Split(prompt='Capital of France?', options=('Paris', 'Rome'), labels=())
    """
    for style in _STYLES:
        marks = _last_run(list(style.finditer(text))[-_MOST_MARKS:])
        if len(marks) < MIN_OPTIONS:
            continue
        starts = [mark.start() for mark in marks[1:]]
        pieces = [
            text[mark.end() : end] for mark, end in zip(marks, [*starts, len(text)], strict=True)
        ]
        # What follows a blank line is not part of the last option.
        pieces[-1] = _TAIL.sub("", pieces[-1])
        options = tuple(piece.strip().rstrip(",;").rstrip() for piece in pieces)
        if all(options):
            head = _HEADING.sub("", text[: marks[0].start()]).strip()
            labels = tuple(mark[1] for mark in marks) if marks[0][1].isdecimal() else ()
            return Split(head, options, labels)
    return _from_format(text)


def _from_format(text: str) -> Split | None:
    """Return the options that are named as the format of the answer, such as true/false."""
    named = _FORMAT.search(text.rstrip())
    if named is None:
        return None
    return Split(text[: named.start()].strip(), tuple(named[1].split("/")))


def _last_run(marks: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    best: list[re.Match[str]] = []
    for start, mark in enumerate(marks):
        first = mark[1]
        if first not in ("A", "a", "0", "1"):
            continue
        run = [mark]
        for other in marks[start + 1 :]:
            if len(run) < MAX_OPTIONS and other[1] == _following(first, len(run)):
                run.append(other)
        if len(run) >= max(len(best), MIN_OPTIONS):
            best = run
    return best


def _following(first: str, n: int) -> str:
    return str(int(first) + n) if first.isdecimal() else chr(ord(first) + n)


def without_labels(options: Sequence[str], *, may_repeat: bool = False) -> tuple[str, ...] | None:
    """Return the options without their own labels; None if not all have one, in order.

    Args:
        options: The options.
        may_repeat: Whether some of the bare texts may be equal, as in "(1) only" and "(2) only",
            whose labels may belong to the texts.

    >>> without_labels(["A)5", "B)6"]), without_labels(["(a) x", "y"])
    (('5', '6'), None)
    """
    bare = []
    first = ""
    # "A cat" is a text, but "A x", "B y", "C z" in a row are labels.
    spaced = len(options) >= _MIN_SPACED and all(map(_SPACED_LABEL.match, options))
    for i, option in enumerate(options):
        label = (_SPACED_LABEL if spaced else _OWN_LABEL).match(option)
        if label is None:
            return None
        if i == 0:
            first = label[1]
            if first not in ("A", "a", "1", "0"):
                return None
        if label[1] != _following(first, i):
            return None
        # "1.5" is a number, and "1: 2" a ratio.
        if first.isdecimal() and ")" not in label[0] and not _WITH_SPACE.match(option):
            return None
        bare.append(option[label.end() :])
    if len(bare) > len(ascii_uppercase) or not all(text.strip() for text in bare):
        return None
    n_distinct = len({" ".join(text.split()).casefold() for text in bare})
    if n_distinct < (2 if may_repeat else len(bare)):
        return None
    return tuple(bare)
