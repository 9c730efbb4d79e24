"""Checked access to fields of JSON and Parquet records; errors name the field."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.letters import index_of, letter_of


def text_of(record: Mapping[str, Any], name: str) -> str:
    """Return a text field.

    Raises:
        ExamError: The field is missing, not a text, or has a lone surrogate.
    """
    if name not in record:
        raise ExamError(
            f"'{name}' is missing; found: {', '.join(record) or 'nothing'}",
            field=name,
            hint=f"Add '{name}'",
        )
    return checked_text(record[name], name)


def checked_text(value: Any, name: str) -> str:
    """Return a value after checking that it is a text that UTF-8 can encode.

    Raises:
        ExamError: It is not a text, or has a lone surrogate.
    """
    if not isinstance(value, str):
        raise ExamError(f"expected text, got {_kind(value)}", field=name, hint='Write it as "..."')
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ExamError(
            f"incomplete character (lone surrogate) at position {error.start}",
            field=name,
            hint="Write the complete character",
        ) from None
    return value


def texts_of(record: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a field that is a list of texts.

    Raises:
        ExamError: The field is missing or not a list, or an entry is not a text.
    """
    values = list_of(record, name)
    return tuple(checked_text(value, f"{name}[{i}]") for i, value in enumerate(values))


def list_of(record: Mapping[str, Any], name: str) -> Sequence[Any]:
    """Return a field that is a list.

    Raises:
        ExamError: The field is missing or not a list.
    """
    values = record.get(name)
    if not isinstance(values, list):
        what = _kind(values) if name in record else "missing"
        raise ExamError(f"expected a list, got {what}", field=name, hint="Write it as [...]")
    return values


def id_of(record: Mapping[str, Any], row: int, name: str = "id") -> str:
    """Return a record's id as a text; without an id, the record's index from 0.

    Raises:
        ExamError: The id is blank, or neither a text nor an integer.
    """
    value = record.get(name)
    if value is None:
        return str(row - 1)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = checked_text(value, name)
    if not text.strip():
        raise ExamError("the id is blank", field=name, hint="Give every record a unique id")
    return text


def answer_index(value: Any, n_options: int, name: str = "answer") -> int | None:
    """Return an answer given as a letter, as an index from 0, or as null.

    Raises:
        ExamError: It is something else, or out of range.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value < n_options:
            return value
        raise ExamError(
            f"expected an answer index from 0 to {n_options - 1}, got {value}",
            field=name,
            hint="Indices count from 0",
        )
    return answer_letter(checked_text(value, name), n_options, name)


def answer_indices(value: Any, n_options: int, name: str = "answer") -> tuple[int, ...]:
    """Return all right options, given as `answer_index` takes one, or as a list of such.

    Raises:
        ExamError: The list is empty or names an option twice, or an entry is not an option.
    """
    if not isinstance(value, list):
        found = answer_index(value, n_options, name)
        return () if found is None else (found,)
    indices = [answer_index(one, n_options, f"{name}[{i}]") for i, one in enumerate(value)]
    known = tuple(one for one in indices if one is not None)
    if not known or len(known) < len(indices):
        raise ExamError(
            "expected the letters of the right options in the list",
            field=name,
            hint='Write a list such as ["A", "C"], or null where the answer is not known',
        )
    if len(set(known)) < len(known):
        raise ExamError(
            f"the list names an option twice: {', '.join(letter_of(i) for i in known)}",
            field=name,
            hint="Name each right option once",
        )
    return known


def answer_letter(text: str, n_options: int, name: str = "answer") -> int:
    """Return the index of an answer given as a letter.

    Raises:
        ExamError: It is blank, or not the letter of an option.
    """
    if not text.strip():
        raise ExamError(
            "the answer is blank",
            field=name,
            hint=f"Write one of A-{letter_of(n_options - 1)}, or remove the field from all "
            "questions if answers are not known",
        )
    try:
        return index_of(text, n_options)
    except ExamError as error:
        raise ExamError(
            error.message, field=name, hint=f"This row has {n_options} options"
        ) from None


def metadata_of(record: Mapping[str, Any], used: Collection[str]) -> dict[str, str]:
    """Return all other fields as texts; nulls are left out."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in record.items()
        if key not in used and value is not None
    }


def _kind(value: Any) -> str:
    names = {
        type(None): "null",
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)
