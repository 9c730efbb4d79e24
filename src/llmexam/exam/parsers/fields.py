"""Checked access to fields of JSON and Parquet records; errors name the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from llmexam.errors import ExamError


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
    # pandas writes whole numbers as floats if one is missing.
    if isinstance(value, float) and (value.is_integer() or math.isnan(value)):
        return str(row - 1) if math.isnan(value) else str(int(value))
    text = checked_text(value, name)
    if not text.strip():
        raise ExamError("the id is blank", field=name, hint="Give every record a unique id")
    return text


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
