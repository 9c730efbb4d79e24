"""Search queries in files: BEIR's `queries.jsonl`, and tables of id and text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from llmexam.errors import CorpusError

_IDS = ("_id", "id", "qid", "query_id", "query-id")
_TEXTS = ("text", "query", "question", "prompt")
_HEADERS = frozenset((*_IDS, *_TEXTS))


def read_queries(path: str | Path) -> dict[str, str]:
    """Return the queries of a file by id, in order.

    A file `.jsonl` has an object per line with an id (`_id` or `id`) and a `text` (or `query`), as
    in BEIR; `.tsv` has id and text with a tab between them, with or without a header, as in MS
    MARCO; any other file has a query per line, with the ids 1, 2, 3 and so on.

    Args:
        path: The file.

    Raises:
        CorpusError: The file is missing, a line has another format or a repeated id, or there is
            no query.
    """
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise CorpusError("file not found", file=file) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"expected a file of UTF-8 text: {error}", file=file) from None
    parse = {".jsonl": _json_lines, ".ndjson": _json_lines, ".tsv": _tab_lines}.get(
        file.suffix.lower(), _plain_lines
    )
    queries: dict[str, str] = {}
    for row, id_, text in parse(file, lines):
        if not text.strip():
            raise CorpusError("the query is blank", file=file, row=row, hint="Remove the line")
        if id_ in queries:
            raise CorpusError(
                f"duplicate id '{id_}'", file=file, row=row, hint="Give every query its own id"
            )
        queries[id_] = text
    if not queries:
        raise CorpusError("the file contains no queries", file=file)
    return queries


def _json_lines(file: Path, lines: list[str]) -> Iterator[tuple[int, str, str]]:
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"invalid JSON: {error}", file=file, row=row) from None
        if not isinstance(record, dict):
            raise CorpusError("expected a JSON object", file=file, row=row)
        id_ = next((record[name] for name in _IDS if name in record), None)
        text = next((record[name] for name in _TEXTS if name in record), None)
        if not isinstance(id_, str | int) or not isinstance(text, str):
            raise CorpusError(
                "expected a query with an id and a text",
                file=file,
                row=row,
                hint='Write: {"_id": "q1", "text": "..."}',
            )
        yield row, str(id_), text


def _tab_lines(file: Path, lines: list[str]) -> Iterator[tuple[int, str, str]]:
    for row, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split("\t")]
        is_header = row == 1 and bool(_HEADERS & {cell.lower() for cell in cells})
        if is_header or not line.strip():
            continue
        if len(cells) < 2:
            raise CorpusError(
                "expected id and text with a tab between them",
                file=file,
                row=row,
                hint="Write: id TAB text",
            )
        yield row, cells[0], cells[1]


def _plain_lines(file: Path, lines: list[str]) -> Iterator[tuple[int, str, str]]:
    texts = [(row, line.strip()) for row, line in enumerate(lines, 1) if line.strip()]
    for place, (row, text) in enumerate(texts, 1):
        yield row, str(place), text
