"""Fields of a corpus record: id, title and text, by the names that files give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import CorpusError, nearest

Record = tuple[int, tuple[str, str, str]]
"""Row, and id, title and text."""

# Column names tried in this order when the user names no column.
USUAL: dict[str, tuple[str, ...]] = {
    "text": ("text", "contents", "content", "body", "passage", "context"),
    "title": ("title", "headline"),
    "id": ("id", "_id", "pid", "docid", "doc_id", "passage_id"),
}


def pick(
    field: str,
    fields: Mapping[str, str],
    present: Mapping[str, Any] | Sequence[str],
    path: Path,
    row: int | None,
) -> str | None:
    """Return the name of the column that holds a field; None where nothing holds it."""
    if field in fields:
        if fields[field] not in present and not (row is not None and field != "text"):
            raise CorpusError(
                f"no column or key with this name for the {field}",
                file=path,
                row=row,
                field=fields[field],
                hint=nearest(fields[field], present),
            )
        return fields[field]
    found = next((name for name in USUAL[field] if name in present), None)
    if found is None and field == "text":
        raise CorpusError(
            "no column or key was recognized as text",
            file=path,
            row=row,
            field="text",
            hint=f"Set one, such as text=NAME. Found: {', '.join(present)}",
        )
    return found


def values_of(
    record: Mapping[str, Any], names: Mapping[str, str | None], path: Path, row: int
) -> tuple[str, str, str]:
    """Return id, title and text of a record.

    Raises:
        CorpusError: A value is not a text.
    """
    id_, title, text = (
        None if (name := names[field]) is None else record.get(name)
        for field in ("id", "title", "text")
    )
    for field, value in (("title", title), ("text", text)):
        if value is not None and not isinstance(value, str):
            raise CorpusError(
                f"expected text, got {type(value).__name__}", file=path, row=row, field=names[field]
            )
    if id_ is not None and not isinstance(id_, str | int):
        raise CorpusError(
            f"expected text or a whole number, got {type(id_).__name__}",
            file=path,
            row=row,
            field=names["id"],
        )
    return "" if id_ is None else str(id_).strip(), title or "", text or ""


def check_characters(values: Sequence[str], path: Path, row: int) -> None:
    """Reject lone surrogates: JSON can escape them, but UTF-8 cannot encode them."""
    for field, value in zip(("id", "title", "text"), values, strict=True):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise CorpusError(
                f"incomplete character (lone surrogate) at position {error.start}",
                file=path,
                row=row,
                field=field,
                hint="Write the complete character",
            ) from None
