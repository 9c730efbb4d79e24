"""Corpora in JSON Lines, plain text and Markdown, streamed as `(row, (id, title, text))`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from llmexam.errors import CorpusError
from llmexam.evidence.corpus_fields import USUAL, Record, check_characters, pick, values_of
from llmexam.evidence.packed import Bounds, open_bytes, open_text

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
            names = {field: pick(field, fields, record, path, row) for field in USUAL}
            _check_repeated(line, names, path, row)
            never_seen -= {field for field in never_seen if fields[field] in record}
            values = values_of(record, names, path, row)
            if b"\\u" in line:
                check_characters(values, path, row)
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
