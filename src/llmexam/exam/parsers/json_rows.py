"""Rows of a JSON Lines file, of a JSON list, and of a list inside a JSON object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from llmexam.errors import ExamError, nearest
from llmexam.exam.parsers.naming import PROMPTS, folded
from llmexam.exam.parsers.rows import Record, Row, Rows
from llmexam.exam.parsers.source import SourceFile, parse_json

_KEY = re.compile(rb'"\s*:')
_MIN_WRAPPED = 2
_MOST_NAMED = 8
_NESTED = (dict, list)
_OF_LISTS = frozenset(
    {"rows", "data", "questions", "examples", "items", "records", "samples", "instances", "quiz"}
)
_OF_RECORDS = frozenset(
    {"question", "prompt", "query", "stem", "input", "ctx", "instruction", "goal", "sentence"}
    | {"questiontext", "questionstem", "article", "passage"}
)


def read_json(source: SourceFile, records: str | None = None) -> Rows:
    """Return the records of a JSON or JSON Lines file.

    Args:
        source: The file.
        records: Path of the list inside the file, such as `data.test`, if there are several.

    Raises:
        ExamError: The file is one invalid JSON value, or holds several lists of records.
    """
    notes = [source.decoded.note] if source.decoded.note else []
    text = source.text.strip()
    is_list = text[:1] == "["
    if not is_list and records is None and _is_lines(text):
        data = source.data if source.decoded.encoding == "utf-8" else source.text.encode()
        return Rows("jsonl", (), _lines(data), notes=notes)
    try:
        value = parse_value(
            text.encode("utf-8", "surrogatepass"), "the list" if is_list else "the file"
        )
    except ExamError as error:
        raise source.error(error.message, hint=error.hint) from None
    try:
        found, path = _find_records(value, records)
    except ExamError as error:
        raise source.error(error.message, hint=error.hint) from None
    if path and records is None:
        notes.append(f"the records are those of '{path}'")
    return Rows("json", (), iter(found), notes=notes)


def parse_value(data: bytes, where: str) -> Any:
    """Return the value of a JSON text; a repeated key in an object is an error.

    Args:
        data: The text, in UTF-8.
        where: Its name in errors, such as "line 3".

    Raises:
        ExamError: The text is not valid JSON, or an object has a repeated key.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        # The standard library accepts more, such as NaN, and says what is wrong.
        return parse_json(data.decode("utf-8", "surrogatepass"), where)
    # orjson keeps the last value of a repeated key. An object that holds each key once has one
    # colon per key outside of its texts.
    n_keys = count_keys(value)
    if data.count(b":") != n_keys and len(_KEY.findall(data)) != n_keys:
        return parse_json(data.decode("utf-8"), where)
    return value


def count_keys(value: Any) -> int:
    """Return how many keys all objects inside a value have together."""
    n = 0
    stack = [value]
    while stack:
        one = stack.pop()
        if type(one) is dict:
            n += len(one)
            stack += [inner for inner in one.values() if type(inner) in _NESTED]
        elif type(one) is list:
            stack += [inner for inner in one if type(inner) in _NESTED]
    return n


def _is_lines(text: str) -> bool:
    """Return whether a text that starts with an object has one per line."""
    first, _, rest = text.partition("\n")
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        # A first line that ends inside an object is that of indented JSON, or is damaged.
        return first.strip() != "{" and not first.rstrip().endswith(("{", "[", ","))
    # One object on one line may be a record, or hold all records.
    return bool(rest.strip()) or not _holds_records(orjson.loads(first))


def _lines(data: bytes) -> Iterator[Row]:
    # Not splitlines: it also splits at U+2028 and others, which JSON texts may contain.
    number = 0
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    end = len(data)
    while start < end:
        stop = data.find(b"\n", start)
        if stop < 0:
            stop = end
        line = data[start:stop]
        start = stop + 1
        number += 1
        if not line or line.isspace():
            continue
        try:
            value = parse_value(line, f"line {number}")
        except ExamError as error:
            yield error
            continue
        if isinstance(value, dict):
            yield value
        else:
            yield ExamError(
                f"line {number}: expected a JSON object", hint="Write one {...} per line"
            )


def _holds_records(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if _is_record(value):
        return _from_columns(value) is not None
    is_table = _from_columns(value) is not None
    return is_table or bool(_candidates(value)) or _is_object_of_records(value)


def _is_record(value: Mapping[str, Any]) -> bool:
    """Return whether an object is a question, or an article with questions, itself."""
    return any(
        isinstance(one, str | Mapping) and folded(key) in (*_OF_RECORDS, "doc")
        for key, one in value.items()
    )


def _candidates(value: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the lists of records inside an object, by their path."""
    found: dict[str, list[Row]] = {}
    for key, inner in value.items():
        if _is_list_of_records(inner):
            found[key] = list(inner)
        elif isinstance(inner, dict):
            if _is_object_of_records(inner):
                found[key] = _with_keys(inner)
            else:
                deeper = {
                    f"{key}.{name}": one for name, one in inner.items() if _is_list_of_records(one)
                }
                found |= {path: list(one) for path, one in deeper.items()}
    return found


def _is_list_of_records(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        # A list of choices is a part of one record.
        and not ({"text", "label"} <= value[0].keys() or {"role", "content"} <= value[0].keys())
    )


def _is_object_of_records(value: Mapping[str, Any]) -> bool:
    """Return whether an object has a record under each key, as `{"1": {...}, "2": {...}}`."""
    some = list(value.values())
    return bool(some) and all(isinstance(one, dict) and len(one) >= _MIN_WRAPPED for one in some)


def _with_keys(value: Mapping[str, Any]) -> list[Row]:
    return [one if "id" in one else {"id": key, **one} for key, one in value.items()]


def _find_records(value: Any, records: str | None) -> tuple[list[Row], str]:
    """Return the records of a value and the path of their list inside it, or empty."""
    path = records or ""
    value = _value_at(value, records) if records is not None else value
    if isinstance(value, list):
        return [_record(one) for one in value], path
    if not isinstance(value, dict):
        raise ExamError("expected a JSON list or object", hint="Write a list of {...}")
    if records is not None and _is_object_of_records(value):
        return _with_keys(value), path
    table = _from_columns(value)
    if table is not None:
        return table, path
    found = {} if _is_record(value) else _candidates(value)
    known = [name for name in found if folded(name) in _OF_LISTS]
    if len(found) > 1 and len(known) == 1:
        return found[known[0]], known[0]
    if len(found) == 1:
        (name, rows), *_ = found.items()
        return rows, name
    if len(found) > 1 and _is_object_of_records(value) and not _has_equal_keys(value):
        # Each key has records of its own, such as a data set.
        pass
    elif _is_object_of_records(value) and not _is_record(value):
        return _with_keys(value), path
    if found:
        names = list(found)[:_MOST_NAMED]
        raise ExamError(
            f"the file holds several lists of records: {', '.join(names)}",
            hint=f"Choose one, such as --field records={names[0]}",
        )
    return [_record(value)], path


def _value_at(value: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            keys = [str(key) for key in value] if isinstance(value, dict) else []
            raise ExamError(f"there are no records at '{path}'", hint=nearest(name, keys))
        value = value[name]
    return value


def _from_columns(value: Mapping[str, Any]) -> list[Row] | None:
    """Return the records of a JSON object that holds columns, as pandas writes; None for others."""
    names, rows = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(rows, list) and rows and isinstance(rows[0], list):
        return [dict(zip(map(str, names), row, strict=False)) for row in rows]
    if not any(folded(key) in PROMPTS for key in value):
        return None
    columns = list(value.values())
    if all(isinstance(one, list) and len(one) == len(columns[0]) for one in columns):
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    if len(columns) > 1 and all(
        isinstance(one, dict) and one.keys() == columns[0].keys() for one in columns
    ):
        keys = list(columns[0])
        return [{name: one[key] for name, one in value.items()} for key in keys]
    return None


def _has_equal_keys(value: Mapping[str, Any]) -> bool:
    first, *others = ({*one} for one in value.values())
    return any(first & other for other in others[:1])


def _record(value: Any) -> Record | ExamError:
    if isinstance(value, dict):
        return value
    if (
        isinstance(value, list)
        and len(value) > 1
        and _is_list_of_records(value[1])
        and isinstance(value[0], list)
    ):
        # DREAM and C3: the turns of a dialogue, questions on it, and an id.
        text = "\n".join(turn for turn in value[0] if isinstance(turn, str))
        return {"article": text, "questions": value[1], "id": value[2] if value[2:] else None}
    return ExamError("expected a JSON object", hint="Write a list of {...}")
