"""Passages in a record: texts, lists of texts or of objects, and contexts of several passages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.context import split_context
from llmexam.exam.parsers.fields import checked_text, id_of
from llmexam.exam.parsers.option_values import is_blank
from llmexam.exam.question import Passage

_LISTS = ("contexts", "passages", "text", "context", "sentences")


def passages_of(value: Any, name: str, *, splits: bool) -> tuple[Passage, ...]:
    """Return the passages in a field; none if it is blank.

    Args:
        value: A text, a list of texts or objects, or an object that has such a list.
        name: Name of the field, for errors.
        splits: Whether a text may hold several passages, as `split_context` describes.

    Raises:
        ExamError: A passage is no text.
    """
    if is_blank(value):
        return ()
    if isinstance(value, str):
        text = checked_text(value, name)
        return split_context(text) if splits else (Passage(text=text),)
    if isinstance(value, Mapping) and "text" not in value:
        value = next((value[key] for key in _LISTS if key in value), value)
    if isinstance(value, list | tuple):
        return tuple(_each(value, name))
    if isinstance(value, Mapping):
        return (_passage(value, name),)
    raise ExamError("expected a list or a text", field=name, hint="Write it as [...]")


def _each(values: list[Any] | tuple[Any, ...], name: str) -> Iterator[Passage]:
    for i, value in enumerate(values):
        if value is not None and value != "":
            yield _passage(value, f"{name}[{i}]")


def _passage(value: Any, name: str) -> Passage:
    if isinstance(value, str):
        return Passage(text=checked_text(value, name))
    if not isinstance(value, Mapping) or "text" not in value:
        raise ExamError(
            "expected text or an object with 'text'", field=name, hint='Write {"text": "..."}'
        )
    score = value.get("score")
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    if score is not None and not (is_number and math.isfinite(score)):
        raise ExamError(
            "expected a finite number as score", field=name, hint="Correct it, or leave it out"
        )
    return Passage(
        text=checked_text(value["text"], f"{name}.text"),
        title=checked_text(value.get("title") or "", f"{name}.title"),
        id=id_of(value, 0) if value.get("id") not in (None, "") else "",
        score=None if score is None else float(score),
    )
