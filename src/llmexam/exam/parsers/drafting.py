"""Questions whose answers are not read yet: what the answers mean depends on the whole file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from llmexam.errors import ExamError
from llmexam.exam.letters import MAX_OPTIONS, MIN_OPTIONS
from llmexam.exam.parsers.fields import checked_text, id_of, text_of
from llmexam.exam.parsers.lettered import split_options, without_labels
from llmexam.exam.parsers.naming import folded
from llmexam.exam.parsers.option_sources import value_at
from llmexam.exam.parsers.option_values import Found, is_blank
from llmexam.exam.parsers.passages import passages_of
from llmexam.exam.parsers.rows import Record
from llmexam.exam.parsers.shape import Layout
from llmexam.exam.parsers.unfolding import message_text
from llmexam.exam.question import Passage

_NO_METADATA: Mapping[str, str] = {}


class Draft(NamedTuple):
    """A question with its answer as the file has it.

    Attributes:
        row: Its row in the file, from 1.
        id: Its id.
        prompt: The question text.
        options: The options, without their own labels.
        labels: What the file calls the options; empty if they have no labels.
        right: Indices of the right options, if the options tell; else None.
        raw: The answer as the file has it.
        passages: The evidence.
        metadata: All other fields.
        had_labels: Whether labels were taken off the options.
    """

    row: int
    id: str
    prompt: str
    options: tuple[str, ...]
    labels: tuple[str, ...]
    right: tuple[int, ...] | None
    raw: Any
    passages: tuple[Passage, ...]
    metadata: Mapping[str, str]
    had_labels: bool


def draft(layout: Layout, record: Record, row: int, *, keep_labels: bool = False) -> Draft:
    """Return the question in a record.

    Args:
        layout: Where its parts are.
        record: The record.
        row: Its row, from 1.
        keep_labels: Whether labels stay in the options.

    Raises:
        ExamError: The record is not a valid question.
    """
    prompt = _prompt(record, layout.prompt)
    read = layout.source.read
    if read is None:
        split = split_options(prompt)
        if split is None:
            raise ExamError(
                "found no options in the question text",
                field=layout.prompt[0],
                hint="Write each option on its own line, as 'A) ...'",
            )
        prompt, found = split.prompt, Found(split.options, split.labels)
    else:
        found = read(record, prompt)
    options, labels, right = found
    if not MIN_OPTIONS <= len(options) <= MAX_OPTIONS:
        raise ExamError(
            f"expected {MIN_OPTIONS} to {MAX_OPTIONS} options, got {len(options)}",
            field=(layout.source.columns or layout.prompt)[0],
            hint="Correct the number of options",
        )
    # A letter, a digit or a bracket starts a label; most options are told from it at once.
    bare = None
    if options[0][:1] in _LABEL_STARTS and not keep_labels:
        bare = without_labels(options)
    passages: tuple[Passage, ...] = ()
    if layout.passages:
        passages = _passages(layout, record)
    metadata = _NO_METADATA
    if len(record) > len(layout.used) or not record.keys() <= layout.used:
        metadata = _metadata(layout, record)
    return Draft(
        row,
        str(row - 1) if layout.id is None else id_of(record, row, layout.id),
        prompt,
        options if bare is None else bare,
        labels,
        right,
        None if layout.answer is None else _answer(layout, record, layout.answer),
        passages,
        metadata,
        bare is not None,
    )


def _answer(layout: Layout, record: Record, name: str) -> Any:
    value = value_at(record, name)
    if layout.other_answers and is_blank(value):
        given = (record.get(other) for other in layout.other_answers)
        value = next((one for one in given if not is_blank(one)), value)
    if value is None and name not in record:
        for other, given in record.items():
            if (
                other not in layout.used
                and folded(other) in layout.shape.answer
                and not is_blank(given)
            ):
                raise ExamError(
                    f"the answer is in '{other}', in other rows in '{name}'",
                    field=other,
                    hint=f"Rename '{other}' to '{name}', or map one of them: --field answer=FIELD",
                )
    return value


_LABEL_STARTS = frozenset("Aa1(0[ ")


def _prompt(record: Record, names: tuple[str, ...]) -> str:
    if len(names) > 1:
        return "\n".join(part for part in (_prompt(record, (one,)) for one in names) if part)
    name = names[0]
    value = value_at(record, name)
    if type(value) is str and value.isascii():
        return value
    message = message_text(value)
    if message is not None:
        return checked_text(message, name)
    if value is None and name not in record and "." not in name:
        return text_of(record, name)
    return checked_text(value, name)


def _passages(layout: Layout, record: Record) -> tuple[Passage, ...]:
    found: tuple[Passage, ...] = ()
    for name, splits in layout.passages:
        value = value_at(record, name)
        if value is None or value == "":
            continue
        own = passages_of(value, name, splits=splits)
        if found and own and splits:
            raise ExamError(
                f"'{name}' and other passages are both set, but only one of them can be the "
                "evidence",
                field=name,
                hint="Remove one of them, or name it: --field passages=COLUMN",
            )
        found += own
    return found


def _metadata(layout: Layout, record: Record) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for key, value in record.items():
        if key in layout.used or value is None:
            continue
        if key == "metadata":
            if isinstance(value, Mapping):
                found.update(_metadata(layout, value))
                continue
            if layout.shape.name == "jsonl" and value:
                raise ExamError("expected an object", field=key, hint="Write it as {...}")
        if isinstance(value, float) and math.isnan(value):
            continue
        text = value if isinstance(value, str) else _json(value, key)
        if not (text.isascii() and key.isascii()):
            checked_text(text, key)
            checked_text(key, "the name of a field")
        if text or not layout.drops_blanks:
            found[key] = text
    return found


def _json(value: Any, name: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        raise ExamError("is nested too deeply", field=name, hint="Remove the field") from None
