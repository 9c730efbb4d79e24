"""Options of a record: from columns, a list, an object, a text, or an answer and distractors."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from llmexam.errors import ExamError
from llmexam.exam.parsers.fields import checked_text
from llmexam.exam.parsers.lettered import split_options
from llmexam.exam.parsers.naming import folded
from llmexam.exam.parsers.written_lists import Separator, parsed_list

_TEXTS = ("text", "atext", "option", "content", "answer", "value", "choice", "body", "title")
# These keys hold texts in some files, and labels in others.
_TEXTS_OR_LABELS = ("option", "answer", "value", "choice")
_LABELS = (
    *("label", "aid", "id", "key", "letter", "identifier", "value", "option_id", "option"),
    "choice",
)
_IS_RIGHT = ("is_correct", "iscorrect", "isCorrect", "correct", "right", "is_right")
_TRUE = frozenset({"true", "1", "1.0", "yes", "correct", "right"})
_FALSE = frozenset({"false", "0", "0.0", "no", "", "incorrect", "wrong", "none"})
_LABEL = re.compile(
    r"\s*[(\[]?(?:(?:option|opt|op|choice|answer|ans|sol|ending)[ _-]?)?"
    r"(?:[A-Za-z]|\d{1,2})[)\].:]?\s*",
    re.IGNORECASE,
)
_SCORE_FIELD = re.compile(r"targetscores|mc\d?targets")


class Found(NamedTuple):
    """Options of a record.

    Attributes:
        options: Their texts.
        labels: What the file calls them, such as "1"; empty if they have no labels.
        right: Indices of the right ones, if the options say so; None if a field of its own does.
    """

    options: tuple[str, ...]
    labels: tuple[str, ...] = ()
    right: tuple[int, ...] | None = None


def is_blank(value: Any) -> bool:
    """Return whether a value means that there is none: null, NaN, or blank text."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, float) and math.isnan(value)


def option_text(value: Any, name: str) -> str:
    """Return an option as text; numbers and truth values become text.

    Raises:
        ExamError: It is neither a text nor a number.
    """
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else str(value)
    if isinstance(value, int | float) and not is_blank(value):
        return str(value)
    return checked_text(value, name)


def from_columns(record: Mapping[str, Any], columns: Sequence[str]) -> Found:
    """Return the options in several columns; blank ones at the end are none.

    Raises:
        ExamError: An option is not a text.
    """
    values = [record.get(name) for name in columns]
    while values and is_blank(values[-1]):
        values.pop()
    return Found(
        tuple(
            "" if is_blank(value) and not isinstance(value, str) else option_text(value, name)
            for value, name in zip(values, columns, strict=False)
        )
    )


def from_distractors(
    right: Any, distractors: Sequence[Any], name: str, prompt: str, *, parses: bool
) -> Found:
    """Return the right answer among the distractors, at a position that the prompt determines.

    In such files the right answer always comes first or last, so the position would reveal it.

    Args:
        right: The right answer.
        distractors: The wrong answers, or lists of them.
        name: Name of the field of the right answer, for errors.
        prompt: The question text.
        parses: Whether a text such as "['x', 'y']" is a list of wrong answers.

    Raises:
        ExamError: A value is not a text.
    """
    wrong: list[str] = []
    for value in distractors:
        several = _list_in(value, right) if parses and isinstance(value, str) else value
        if isinstance(several, list | tuple):
            wrong += [option_text(one, name) for one in several if not is_blank(one)]
        elif not is_blank(value):
            wrong.append(option_text(value, name))
    if is_blank(right):
        raise ExamError("the right answer is blank", field=name, hint="Give the right answer")
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    place = int.from_bytes(digest[:8], "big") % (len(wrong) + 1)
    options = (*wrong[:place], option_text(right, name), *wrong[place:])
    return Found(options, right=(place,))


def _list_in(text: str, right: Any) -> Any:
    """Return the list in a text, unless the right answer is such a text too, as "[0, 1]" is."""
    found = parsed_list(text) if text.lstrip()[:1] == "[" else None
    if not isinstance(found, list):
        return text
    is_alike = isinstance(right, str) and isinstance(parsed_list(right), list | tuple)
    return text if is_alike and not all(isinstance(one, str) for one in found) else found


def from_value(value: Any, name: str, separator: Separator | None = None) -> Found:
    """Return the options in one field.

    Args:
        value: A list of texts or of objects with text and label, an object from label to text, an
            object from text to score, or a text that holds a list.
        name: Name of the field, for errors.
        separator: What separates options in a text; None for a list in brackets or with labels.

    Raises:
        ExamError: The options cannot be told.
    """
    if type(value) is list and _are_texts(value):
        return Found(tuple(value))
    if isinstance(value, str):
        value = _in_text(value, name, separator)
    if isinstance(value, Mapping):
        return _from_object(value, name)
    if not isinstance(value, list | tuple):
        kind = "null" if value is None else "text" if isinstance(value, str) else "another value"
        raise ExamError(
            f"expected a list, got {kind}" if name else "missing",
            field=name,
            hint="Write it as [...]",
        )
    pairs = _pairs(value)
    if pairs is not None:
        return Found(tuple(option_text(one, name) for one in pairs.values()), tuple(pairs))
    if value and isinstance(value[0], Mapping):
        return _from_objects(value, name)
    return Found(tuple(option_text(one, f"{name}[{i}]") for i, one in enumerate(value)))


def _pairs(values: Sequence[Any]) -> dict[str, Any] | None:
    """Return texts by label for `[{"A": "..."}, ...]` and `[["A", "..."], ...]`; else None."""
    found: dict[str, Any] = {}
    for one in values:
        if isinstance(one, Mapping) and len(one) == 1:
            found |= one
        elif isinstance(one, list) and len(one) == 2 and isinstance(one[0], str):
            found[one[0]] = one[1]
        else:
            return None
    return found if len(found) == len(values) and all(len(key) <= 2 for key in found) else None


def _are_texts(values: Sequence[Any]) -> bool:
    """Return whether all values are texts that need no check, as most do not."""
    try:
        return "".join(values).isascii()
    except TypeError:
        return False


def _in_text(text: str, name: str, separator: Separator | None) -> Any:
    found = parsed_list(text)
    if isinstance(found, list | tuple | dict):
        return found
    split = split_options(text)
    if split is not None and not split.prompt:
        return list(split.options)
    if separator is not None and separator.text in text:
        return separator.checked_parts(text, name)
    raise ExamError("expected a list, got text", field=name, hint="Write it as [...]")


def _from_object(value: Mapping[str, Any], name: str) -> Found:
    texts, labels, targets = value.get("text"), value.get("label"), value.get("labels")
    if isinstance(texts, list) and isinstance(labels, list):
        return Found(
            tuple(option_text(one, f"{name}.text[{i}]") for i, one in enumerate(texts)),
            _labels(labels, len(texts), name),
        )
    texts = value.get("choices")
    if isinstance(texts, list) and isinstance(targets, list) and len(texts) == len(targets):
        return _scored(texts, targets, name)
    given = {key: one for key, one in value.items() if one is not None}
    if not given:
        raise ExamError("expected an object with options, got an empty one", field=name)
    if all(isinstance(one, int | float) for one in given.values()):
        if _are_scores(given, name):
            return _scored(list(given), list(given.values()), name)
        if not any(map(_LABEL.fullmatch, given)):
            key, one = next(iter(given.items()))
            raise ExamError(
                f"expected an object from label to text or from text to score, got '{key}': {one}",
                field=name,
                hint="Scores are from 0 to 1, or in a field such as 'target_scores'",
            )
    options = tuple(option_text(one, f"{name}.{key}") for key, one in given.items())
    return Found(options, tuple(given))


def _are_scores(given: Mapping[str, Any], name: str) -> bool:
    """Return whether the numbers of an object say which options are right.

    Under keys such as "A" or "option1", numbers are options, unless the name of the field says
    otherwise.
    """
    if _SCORE_FIELD.fullmatch(folded(name.rpartition(".")[2])):
        return True
    return not any(map(_LABEL.fullmatch, given)) and all(0 <= one <= 1 for one in given.values())


def _scored(texts: Sequence[Any], scores: Sequence[Any], name: str) -> Found:
    options = tuple(option_text(one, name) for one in texts)
    best = max(scores, default=0)
    if best <= 0:
        return Found(options)
    return Found(options, right=tuple(i for i, score in enumerate(scores) if score == best))


def _from_objects(choices: Sequence[Any], name: str) -> Found:
    first = choices[0]
    text = _text_key(choices)
    label = next((key for key in _LABELS if key in first and key != text), None)
    is_right = next((key for key in _IS_RIGHT if key in first and key != text), None)
    options, labels, right = [], [], []
    for i, choice in enumerate(choices):
        if not isinstance(choice, Mapping) or text is None or text not in choice:
            raise ExamError(f"choice {i + 1} has no '{text or 'text'}'", field=name)
        options.append(option_text(choice[text], f"{name}[{i}].{text}"))
        if label is not None:
            labels.append(choice.get(label))
        if is_right is not None and _is_true(choice.get(is_right), f"{name}[{i}].{is_right}"):
            right.append(i)
    found = Found(tuple(options), _labels(labels, len(options), name) if labels else ())
    return found._replace(right=tuple(right)) if right else found


def _is_true(value: Any, name: str) -> bool:
    """Return whether an option is right.

    Raises:
        ExamError: The value is neither true nor false.
    """
    text = "" if is_blank(value) else str(value).strip().casefold()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ExamError(
        f"expected true or false, got '{value}'", field=name, hint="Write true or false"
    )


def _text_key(choices: Sequence[Any]) -> str | None:
    """Return the key of the texts: not one whose values are A, B, ... beside another with texts."""
    first = choices[0]
    found = [key for key in _TEXTS if key in first]
    if not found or found[0] not in _TEXTS_OR_LABELS:
        return found[0] if found else None
    others = [*found, *(key for key in ("label",) if key in first)]
    return next((key for key in others if not _are_labels(choices, key)), found[0])


def _are_labels(choices: Sequence[Any], key: str) -> bool:
    values = [one.get(key) if isinstance(one, Mapping) else None for one in choices]
    texts = [str(one).strip().upper() for one in values]
    return any(
        texts
        == [
            str(start + i) if isinstance(start, int) else chr(ord(start) + i)
            for i in range(len(texts))
        ]
        for start in ("A", 0, 1)
    )


def _labels(labels: Sequence[Any], n_options: int, name: str) -> tuple[str, ...]:
    texts = tuple("" if one is None else str(one).strip() for one in labels)
    if len(set(texts)) != n_options or len(texts) != n_options:
        raise ExamError(
            f"expected distinct labels for {n_options} options, got {', '.join(texts)}",
            field=name,
            hint="Give every option a unique label",
        )
    return texts
