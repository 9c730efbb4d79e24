"""The fields of a language model's reply, read from labelled lines or from JSON.

Small models forget fields, add text around them, put them into code fences and letter the options
where none were wanted. What can be read without doubt is read; the rest is left empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)\w*[ \t]*$", re.MULTILINE)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_MARKUP = re.compile(r"^[\s>#*_-]+|(?<![*_])[*_]+(?=:)|(?<=:)[*_]+")
_LABEL = re.compile(
    r"(quote|evidence|question|stem|correct answer|right answer|answer|key|"
    r"wrong(?: (?:answer|option))?|distractor|option|note)\s*(?:(\d{1,2}|[A-Z])\s*)?[:.)]\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_LETTERED = re.compile(r"\(?([A-Z]|\d{1,2})[).:]\s+(\S.*)", re.DOTALL)
# A single letter with a full stop may be a name, such as that of a species.
_SURE_LETTER = re.compile(r"(?:\([A-Z]\)|[A-Z]\))\s+(\S.*)", re.DOTALL)
_BAR = re.compile(r"(?<!\s)\s*\|\s+")
_QUOTES = {('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("`", "`")}
# Each takes as long as the rest of the reply is.
_MOST_OBJECTS = 100
_NAMES = {
    "quote": ("quote", "evidence", "support", "supporting_quote", "sentence"),
    "question": ("question", "stem", "prompt"),
    "answer": ("answer", "correct_answer", "right_answer", "correct", "key"),
    "options": ("options", "choices"),
    "wrong": ("distractors", "wrong", "wrong_options", "wrong_answers", "incorrect_answers"),
    "text": ("text", "option", "answer", "distractor"),
    "note": ("why_wrong", "note", "reason", "why", "explanation"),
}


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a reply.

    Attributes:
        text: The option, without its letter.
        note: Why it is wrong; empty if the reply does not say.
        letter: Its letter or number in the reply; empty without one.
    """

    text: str
    note: str = ""
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The fields of a reply; those that it lacks are empty.

    Attributes:
        quote: The quote from the passage.
        question: The question text.
        answer: The right option, as its text, letter or number.
        options: All options, where the reply lists the right one among them.
        wrong: The wrong options, where they are listed apart.
    """

    quote: str = ""
    question: str = ""
    answer: str = ""
    options: tuple[Option, ...] = ()
    wrong: tuple[Option, ...] = ()


def read_reply(text: str) -> Reply:
    r"""Return the fields of a reply.

    Args:
        text: The reply: labelled lines (`Question: ...`), or a JSON object, with or without text
            around them.

    >>> read_reply("Sure!\nQuestion: Why?\nAnswer: Wind\nWrong: Rain | It is dry.").answer
    'Wind'
    """
    plain = _FENCE.sub("", text)
    found = _json_object(plain)
    return _of_lines(plain) if found is None else _of_json(found)


def _json_object(text: str) -> Mapping[str, Any] | None:
    decoder = json.JSONDecoder(strict=False)
    for start in islice((one.start() for one in re.finditer(r"\{", text)), _MOST_OBJECTS):
        for candidate in (text[start:], _TRAILING_COMMA.sub(r"\1", text[start:])):
            try:
                found, _ = decoder.raw_decode(candidate)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict) and _field(found, "question"):
                return found
    return None


def _field(record: Mapping[str, Any], name: str) -> Any:
    folded = {str(key).strip().lower().replace(" ", "_"): value for key, value in record.items()}
    return next((folded[one] for one in _NAMES[name] if folded.get(one) not in (None, "")), None)


def _of_json(record: Mapping[str, Any]) -> Reply:
    return Reply(
        quote=_clean(_as_text(_field(record, "quote"))),
        question=_clean(_as_text(_field(record, "question"))),
        answer=_clean(_as_text(_field(record, "answer"))),
        options=tuple(_json_options(_field(record, "options"))),
        wrong=tuple(_json_options(_field(record, "wrong"))),
    )


def _as_text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = _field(value, "text")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return str(value) if isinstance(value, str | int | float) else ""


def _json_options(value: Any) -> Iterator[Option]:
    if isinstance(value, Mapping):
        for letter, one in value.items():
            yield Option(_clean(_as_text(one)), letter=str(letter).strip().upper())
    elif isinstance(value, list):
        for one in value:
            note = _as_text(_field(one, "note")) if isinstance(one, Mapping) else ""
            option = _option(_as_text(one))
            yield Option(option.text, _clean(note) or option.note, option.letter)


def _of_lines(text: str) -> Reply:
    fields: dict[str, str] = {}
    options: list[Option] = []
    wrong: list[Option] = []
    for line in _labelled(text):
        label = _LABEL.match(line)
        lettered = _LETTERED.match(line)
        if label is None:
            if lettered is not None and "question" in fields:
                options.append(_option(line))
            continue
        name, letter, rest = label[1].lower().split()[-1], label[2] or "", label[3]
        if name == "option":
            name = "wrong" if label[1].lower().startswith("wrong") else "option"
        if name == "answer":
            name = "wrong" if label[1].lower().startswith("wrong") else "answer"
        match name:
            case "wrong" | "distractor":
                wrong.append(_option(rest))
            case "option":
                one = _option(rest)
                options.append(Option(one.text, one.note, letter.upper() or one.letter))
            case "note":
                continue
            case _:
                known = {"evidence": "quote", "stem": "question", "key": "answer"}.get(name, name)
                # A model that goes on writes another question below the first.
                if known in fields:
                    break
                fields[known] = _clean(rest)
    return Reply(**fields, options=_with_text(options), wrong=_with_text(wrong))


def _labelled(text: str) -> Iterator[str]:
    """Yield a line for each label or letter; lines without one continue the line before."""
    held = ""
    for raw in text.splitlines():
        line = _MARKUP.sub("", raw).strip()
        if not line:
            continue
        if _LABEL.match(line) or _LETTERED.match(line):
            if held:
                yield held
            held = line
        elif held.rstrip().endswith(":"):
            held = f"{held} {line}"
        elif held:
            yield held
            held = ""
    if held:
        yield held


def _with_text(options: list[Option]) -> tuple[Option, ...]:
    return tuple(one for one in options if one.text)


def _option(text: str) -> Option:
    """Return an option without its letter, and with the note after a bar."""
    said, *notes = _BAR.split(text.strip(), maxsplit=1)
    letter = ""
    lettered, sure = _LETTERED.match(said.strip()), _SURE_LETTER.match(said.strip())
    if sure is not None and lettered is not None:
        letter, said = lettered[1].upper(), sure[1]
    elif lettered is not None:
        # `A. text` stays until all options are known to have letters: see `without_letters`.
        letter = lettered[1].upper()
    return Option(_clean(said), _clean(notes[0]) if notes else "", letter)


def without_letters(options: tuple[Option, ...]) -> tuple[Option, ...]:
    """Return options without `A. `, `B. ` and so on, if all of them begin in that way.

    >>> [one.text for one in without_letters((Option("A. ice"), Option("B. fog")))]
    ['ice', 'fog']
    """
    found = [_LETTERED.fullmatch(one.text) for one in options]
    letters = [match[1] for match in found if match is not None]
    if len(letters) < len(options) or len(set(letters)) < len(letters):
        return options
    return tuple(
        Option(match[2], one.note, match[1].upper())
        for one, match in zip(options, found, strict=True)
        if match is not None
    )


def without_surrogates(text: str) -> str:
    r"""Return a text without lone surrogates, such as of a character that was cut in two.

    >>> without_surrogates("ice \ud83d")
    'ice '
    """
    return text.encode("utf-8", "ignore").decode("utf-8")


def _clean(text: str) -> str:
    """Return a text on one line, without markup and quotation marks around it."""
    line = " ".join(without_surrogates(text).split()).strip("*_| ")
    while len(line) > 1 and (line[0], line[-1]) in _QUOTES:
        line = line[1:-1].strip()
    return line
