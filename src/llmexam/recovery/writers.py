"""Write rewrites to CSV and JSON Lines; the files are read back to the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError, nearest
from llmexam.exam.writers import csv_text
from llmexam.recovery.parsing import FIELDS, FORMATS
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.storage.atomic import write_text


def write_rewrites(path: str | Path, exam: RewriteExam, *, format: str = "csv") -> None:
    """Write rows to a file, whole or not at all.

    Args:
        path: The file; an existing one is replaced.
        exam: The rows.
        format: `csv` or `jsonl`.

    Raises:
        ExamError: There are no rows, or the format is unknown.
    """
    if format not in FORMATS:
        raise ExamError(
            f"rewrites cannot be written in format '{format}'", hint=nearest(format, FORMATS)
        )
    if not len(exam):
        raise ExamError("cannot write an exam without rows", file=path)
    records = [_record(row) for row in exam]
    if format == "jsonl":
        lines = (json.dumps(record, ensure_ascii=False) for record in records)
        write_text(path, "".join(f"{line}\n" for line in lines))
        return
    columns = [name for name in FIELDS if any(name in record for record in records)]
    columns += sorted({name for record in records for name in record} - set(columns))
    rows = ([record.get(name, "") for name in columns] for record in records)
    write_text(path, csv_text(columns, rows))


def _record(row: Rewrite) -> dict[str, Any]:
    prompt = {} if row.prompt is None else {"rewrite_prompt": row.prompt}
    texts = {"original_text": row.original, "rewritten_text": row.rewritten}
    # A column of another name cannot take the place of these.
    return {**row.metadata, "id": row.id, **texts, **prompt}
