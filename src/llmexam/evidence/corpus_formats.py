"""Corpus parsers, one per format; each yields `(row, (id, title, text))` as a stream."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import yaml

from llmexam.errors import CorpusError, nearest

Record = tuple[int, tuple[str, str, str]]

# Column names tried in this order when the user names no column.
_USUAL: dict[str, tuple[str, ...]] = {
    "text": ("text", "contents", "content", "body", "passage", "context"),
    "title": ("title", "headline"),
    "id": ("id", "_id", "pid", "docid", "doc_id", "passage_id"),
}
# A longer block at the start of a Markdown file is treated as text, not as front matter.
_LONGEST_FRONT_MATTER = 100_000


def read_jsonl(path: Path, fields: Mapping[str, str]) -> Iterator[Record]:
    """Read one JSON object per line; blank lines are skipped, rows are line numbers."""
    never_seen = set(fields)
    with _open(path) as stream:
        row = 0
        for row, line in enumerate(stream, 1):
            if line.isspace():
                continue
            try:
                record = json.loads(line.removeprefix(b"\xef\xbb\xbf") if row == 1 else line)
            except UnicodeDecodeError:
                raise CorpusError("expected UTF-8 text", file=path, row=row) from None
            except (ValueError, RecursionError) as error:
                raise CorpusError(
                    f"invalid JSON: {error}",
                    file=path,
                    row=row,
                    hint="Write one JSON object per line",
                ) from None
            if not isinstance(record, dict):
                raise CorpusError("expected a JSON object", file=path, row=row)
            names = {field: _pick(field, fields, record, path, row) for field in _USUAL}
            _check_repeated(line, names, path, row)
            never_seen -= {field for field in never_seen if fields[field] in record}
            values = _values(record, names, path, row)
            if b"\\u" in line:
                _check_characters(values, path, row)
            yield row, values
    for field in sorted(never_seen) if row else ():
        raise CorpusError(f"no row has the key of the {field}", file=path, field=fields[field])


def _check_repeated(line: bytes, names: Mapping[str, str | None], path: Path, row: int) -> None:
    """Reject an object with a repeated key: `json` would silently drop the first value."""
    for name in names.values():
        if name is None or line.count(json.dumps(name, ensure_ascii=False).encode()) < 2:
            continue
        # `object_pairs_hook` is called for inner objects first, so the record itself comes last.
        objects: list[list[tuple[str, Any]]] = []
        json.loads(line.decode("utf-8-sig"), object_pairs_hook=objects.append)
        if sum(key == name for key, _ in objects[-1]) > 1:
            raise CorpusError(
                "key appears twice in one object",
                file=path,
                row=row,
                field=name,
                hint="Remove one of them",
            )


def _check_characters(values: Sequence[str], path: Path, row: int) -> None:
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


def read_csv(path: Path, fields: Mapping[str, str]) -> Iterator[Record]:
    """Read a CSV file with a header row (tabs instead of commas in `.tsv`)."""
    # The csv module rejects fields over 128 KiB by default; documents may be longer.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    tabs = ".tsv" in path.suffixes
    with _open_text(path, newline="") as text:
        rows = csv.reader(text, delimiter="\t" if tabs else ",", strict=True)
        row = 0
        try:
            header = next(rows, None)
            if header is None:
                raise CorpusError("the file is empty", file=path)
            header = [name.strip() for name in header]
            names = {field: _pick(field, fields, header, path, None) for field in _USUAL}
            for name in names.values():
                if name is not None and header.count(name) > 1:
                    raise CorpusError(
                        f"two columns have the name '{name}'", file=path, hint="Rename one of them"
                    )
            places = {f: header.index(n) if n is not None else None for f, n in names.items()}
            for row, cells in enumerate(rows, 1):
                if not cells:
                    continue
                # More cells than columns: an unquoted comma has split a text.
                if len(cells) != len(header):
                    raise CorpusError(
                        f"expected {len(header)} cells as in the header, got {len(cells)}",
                        file=path,
                        row=row,
                        hint=f"Put texts that contain {'tabs' if tabs else 'commas'} or "
                        'line breaks in double quotes ("...")',
                    )
                id_, title, body = (
                    "" if place is None else cells[place]
                    for place in (places["id"], places["title"], places["text"])
                )
                yield row, (id_.strip(), title, body)
        except csv.Error as error:
            raise CorpusError(
                f"invalid CSV: {error}",
                file=path,
                row=row + 1,
                hint='Inside a quoted field, write double quotes twice ("")',
            ) from None


def read_parquet(path: Path, fields: Mapping[str, str]) -> Iterator[Record]:
    """Read a Parquet file, a thousand rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise CorpusError(f"expected a Parquet file: {error}", file=path) from None
    with file:
        schema = file.schema_arrow.names
        names = {field: _pick(field, fields, schema, path, None) for field in _USUAL}
        columns = sorted({name for name in names.values() if name is not None})
        row = 0
        try:
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                for record in batch.to_pylist():
                    row += 1
                    yield row, _values(record, names, path, row)
        except (pa.ArrowException, OSError) as error:
            raise CorpusError(
                f"is a damaged Parquet file: {str(error).splitlines()[0]}",
                file=path,
                row=row + 1,
                hint="Download it again",
            ) from None


def read_text(path: Path) -> Iterator[Record]:
    """Read paragraphs separated by blank lines; the row is the number of the paragraph."""
    row = 0
    for row, paragraph in enumerate(_paragraphs(path), 1):
        yield row, ("", "", paragraph)
    if row == 0:
        raise CorpusError("the file contains no text", file=path)


def read_markdown(path: Path, name: str) -> Iterator[Record]:
    """Read one document per section; its title is the path of headings above it.

    Args:
        path: The file.
        name: Title of text that stands before the first heading.
    """
    headings: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    row = 1

    def record() -> Record:
        title = " > ".join(heading for _, heading in headings) or name
        return row, ("", title, "".join(lines).strip())

    for line in _markdown_lines(path):
        stripped = line.lstrip()
        if stripped.startswith(("```", "~~~")):
            # Inside a fenced code block, `#` starts a comment of the code, not a heading.
            fence = "" if fence and stripped.startswith(fence) else fence or stripped[:3]
        heading = None if fence else _heading(line)
        if heading is None:
            lines.append(line)
            continue
        if any(not one.isspace() for one in lines):
            yield record()
            row += 1
        headings = [(depth, text) for depth, text in headings if depth < heading[0]]
        headings.append(heading)
        lines = []
    # A file without text counts as one blank document.
    if row == 1 or any(not one.isspace() for one in lines):
        yield record()


def _heading(line: str) -> tuple[int, str] | None:
    """Return level and text of a Markdown heading, without its closing marks, or None."""
    level = len(line) - len(line.lstrip("#"))
    if not 1 <= level <= 6 or not line[level : level + 1].isspace():
        return None
    text = line[level:].strip()
    bare = text.rstrip("#")
    # The closing marks are set apart: `# C#` is about C#.
    return level, bare.rstrip() if not bare or bare[-1].isspace() else text


def _open(path: Path) -> IO[bytes]:
    if path.stat().st_size == 0:
        raise CorpusError("the file is empty", file=path)
    is_packed = path.suffix == ".gz"
    stream = cast(IO[bytes], gzip.open(path)) if is_packed else path.open("rb")  # noqa: SIM115
    try:
        start = cast(io.BufferedReader, stream).peek(1)
        if b"\0" in start:
            raise CorpusError(
                "expected UTF-8 text, got NUL characters (a binary file?)",
                file=path,
                hint="Give a text file in UTF-8",
            )
    except BaseException:
        stream.close()
        raise
    return stream


def _open_text(path: Path, newline: str | None = None) -> IO[str]:
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline=newline)


def _paragraphs(path: Path) -> Iterator[str]:
    with _open_text(path) as stream:
        lines: list[str] = []
        for line in stream:
            if not line.isspace():
                lines.append(line)
            elif lines:
                yield "".join(lines).strip()
                lines = []
        if lines:
            yield "".join(lines).strip()


def _markdown_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a Markdown file without its YAML front matter.

    Front matter is a YAML mapping between a first line `---` and a line `---` or `...`. Without
    that second line, or with other things in between, it is text that begins with a rule.
    """
    with _open_text(path) as stream:
        first = next(stream, "")
        front = [first]
        if first.rstrip() == "---":
            n_characters = 0
            for line in stream:
                front.append(line)
                n_characters += len(line)
                if line.rstrip() in ("---", "...") or n_characters > _LONGEST_FRONT_MATTER:
                    break
            if front[-1].rstrip() in ("---", "...") and _is_mapping("".join(front[1:-1])):
                front = []
        yield from front
        yield from stream


def _is_mapping(text: str) -> bool:
    """Return whether a text is a YAML mapping or blank, without constructing any object."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return False
    return node is None or isinstance(node, yaml.MappingNode)


def _pick(
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
    found = next((name for name in _USUAL[field] if name in present), None)
    if found is None and field == "text":
        raise CorpusError(
            "no column or key was recognized as text",
            file=path,
            row=row,
            field="text",
            hint=f"Set one, such as text=NAME. Found: {', '.join(present)}",
        )
    return found


def _values(
    record: Mapping[str, Any], names: Mapping[str, str | None], path: Path, row: int
) -> tuple[str, str, str]:
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
