"""Corpus parsers, one per format; each yields `(row, (id, title, text))` as a stream."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from llmexam.errors import CorpusError, nearest
from llmexam.evidence.packed import Bounds, open_bytes, open_text

Record = tuple[int, tuple[str, str, str]]

# Column names tried in this order when the user names no column.
_USUAL: dict[str, tuple[str, ...]] = {
    "text": ("text", "contents", "content", "body", "passage", "context"),
    "title": ("title", "headline"),
    "id": ("id", "_id", "pid", "docid", "doc_id", "passage_id"),
}
# In bytes; a thousand such texts are converted at a time.
_LONG_TEXT = 50_000
# A longer block at the start of a Markdown file is treated as text, not as front matter.
_LONGEST_FRONT_MATTER = 100_000


def read_jsonl(path: Path, fields: Mapping[str, str], bounds: Bounds) -> Iterator[Record]:
    """Read one JSON object per line; blank lines are skipped, rows are line numbers."""
    never_seen = set(fields)
    with open_bytes(path, bounds) as stream:
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


def read_csv(path: Path, fields: Mapping[str, str], bounds: Bounds) -> Iterator[Record]:
    """Read a CSV file with a header row (tabs instead of commas in `.tsv`).

    A file without a header is read where all fields are numbers of columns, from 1, as in
    `text=2`; with tabs, quotes then have no meaning, as in MS MARCO's collection.
    """
    # The csv module rejects fields over 128 KiB by default; documents may be longer.
    csv.field_size_limit(min(bounds.record_bytes, sys.maxsize, 2**31 - 1))
    tabs = ".tsv" in path.suffixes
    with open_text(path, bounds, newline="") as text:
        quoting = csv.QUOTE_NONE if tabs and _are_numbers(fields) else csv.QUOTE_MINIMAL
        rows = csv.reader(text, delimiter="\t" if tabs else ",", strict=True, quoting=quoting)
        row = 0
        try:
            header = next(rows, None)
            if header is None:
                raise CorpusError("the file is empty", file=path)
            n_columns, places = _places(header, fields, path)
            head = "header"
            if _has_no_header(header, fields):
                head, rows = "first line", chain([header], rows)
            for row, cells in enumerate(rows, 1):
                if not cells:
                    continue
                # More cells than columns: an unquoted comma has split a text.
                if len(cells) != n_columns:
                    raise CorpusError(
                        f"expected {n_columns} cells as in the {head}, got {len(cells)}",
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
            if "field larger" in str(error):
                raise bounds.too_long(row + 1) from None
            raise CorpusError(
                f"invalid CSV: {error}",
                file=path,
                row=row + 1,
                hint='Inside a quoted field, write double quotes twice ("")',
            ) from None


def _places(
    first: Sequence[str], fields: Mapping[str, str], path: Path
) -> tuple[int, dict[str, int | None]]:
    """Return the number of columns of a CSV file and the place of each field, by its first line."""
    if _has_no_header(first, fields):
        for field, name in fields.items():
            if not 1 <= int(name) <= len(first):
                raise CorpusError(
                    f"expected a column from 1 to {len(first)} for the {field}",
                    file=path,
                    field=name,
                )
        numbered = {field: int(name) - 1 for field, name in fields.items()}
        return len(first), {field: numbered.get(field) for field in _USUAL}
    header = [name.strip() for name in first]
    try:
        names = {field: _pick(field, fields, header, path, None) for field in _USUAL}
    except CorpusError as error:
        if "text" not in fields and len(first) > 1 and first[0].strip().isdigit():
            raise CorpusError(
                "the first line looks like data, not like a header",
                file=path,
                field="text",
                hint="For a file without a header, give the numbers of the columns, such as "
                "--field id=1 --field text=2",
            ) from None
        raise error
    for name in names.values():
        if name is not None and header.count(name) > 1:
            raise CorpusError(
                f"two columns have the name '{name}'", file=path, hint="Rename one of them"
            )
    return len(header), {f: header.index(n) if n is not None else None for f, n in names.items()}


def _are_numbers(fields: Mapping[str, str]) -> bool:
    return "text" in fields and all(name.isascii() and name.isdigit() for name in fields.values())


def _has_no_header(first: Sequence[str], fields: Mapping[str, str]) -> bool:
    return _are_numbers(fields) and not set(fields.values()) <= {name.strip() for name in first}


def read_parquet(path: Path, fields: Mapping[str, str], bounds: Bounds) -> Iterator[Record]:
    """Read a Parquet file, a thousand rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow.names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorpusError(
            f"expected a Parquet file: {_first_line(error)}", file=path, hint="Download it again"
        ) from None
    names = {field: _pick(field, fields, schema, path, None) for field in _USUAL}
    columns = sorted({name for name in names.values() if name is not None})
    row = 0
    try:
        # Repeated texts stay single in memory: a small file may hold one a million times.
        texts = [name for name in columns if _is_text(file.schema_arrow.field(name).type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                for record in _records(batch):
                    row += 1
                    values = _values(record, names, path, row)
                    if max(map(len, values)) > bounds.record_bytes:
                        raise bounds.too_long(row)
                    yield row, values
    except (pa.ArrowException, OSError, ValueError, IndexError) as error:
        raise CorpusError(
            f"is a damaged Parquet file: {_first_line(error)}",
            file=path,
            row=row + 1,
            hint="Download it again",
        ) from None


def _records(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch; long texts one at a time, for they may all be the same one."""
    import pyarrow.compute as pc

    packed = [column for column in batch.columns if hasattr(column, "dictionary")]
    longest = max(
        (pc.max(pc.binary_length(column.dictionary)).as_py() or 0 for column in packed), default=0
    )
    if longest <= _LONG_TEXT:
        yield from batch.to_pylist()
        return
    for place in range(len(batch)):
        yield {name: batch[name][place].as_py() for name in batch.schema.names}


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def read_text(path: Path, bounds: Bounds) -> Iterator[Record]:
    """Read paragraphs separated by blank lines; the row is the number of the paragraph."""
    row = 0
    for row, paragraph in enumerate(_paragraphs(path, bounds), 1):
        yield row, ("", "", paragraph)
    if row == 0:
        raise CorpusError("the file contains no text", file=path)


def read_markdown(path: Path, name: str, bounds: Bounds) -> Iterator[Record]:
    """Read one document per section; its title is the path of headings above it.

    Args:
        path: The file.
        name: Title of text that stands before the first heading.
        bounds: Bounds on what is read from it.
    """
    headings: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""
    row, size = 1, 0

    def record() -> Record:
        title = " > ".join(heading for _, heading in headings) or name
        return row, ("", title, "".join(lines).strip())

    for line in _markdown_lines(path, bounds):
        stripped = line.lstrip()
        if stripped.startswith(("```", "~~~")):
            # Inside a fenced code block, `#` starts a comment of the code, not a heading.
            fence = "" if fence and stripped.startswith(fence) else fence or stripped[:3]
        heading = None if fence else _heading(line)
        if heading is None:
            lines.append(line)
            size += len(line)
            if size > bounds.record_bytes:
                raise bounds.too_long(row)
            continue
        if any(not one.isspace() for one in lines):
            yield record()
            row += 1
        headings = [(depth, text) for depth, text in headings if depth < heading[0]]
        headings.append(heading)
        lines, size = [], 0
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


def _paragraphs(path: Path, bounds: Bounds) -> Iterator[str]:
    with open_text(path, bounds) as stream:
        lines: list[str] = []
        size = 0
        for line in stream:
            if not line.isspace():
                lines.append(line)
                size += len(line)
                if size > bounds.record_bytes:
                    raise bounds.too_long()
            elif lines:
                yield "".join(lines).strip()
                lines, size = [], 0
        if lines:
            yield "".join(lines).strip()


def _markdown_lines(path: Path, bounds: Bounds) -> Iterator[str]:
    """Yield the lines of a Markdown file without its YAML front matter.

    Front matter is a YAML mapping between a first line `---` and a line `---` or `...`. Without
    that second line, or with other things in between, it is text that begins with a rule.
    """
    with open_text(path, bounds) as stream:
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
