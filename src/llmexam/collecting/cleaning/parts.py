"""Parts of a corpus on disk: Parquet files of documents, all columns as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from llmexam.collecting.corpus_files import Columns


def part_file(folder: Path, part: int) -> Path:
    """Return the path of a part; its suffix keeps unfinished work from being read as a corpus."""
    return folder / f"{part:06}.part"


def read_part(path: Path) -> Columns:
    """Return the columns of a part."""
    with pq.ParquetFile(path) as file:
        columns: Columns = file.read().to_pydict()
    return columns


def read_ids(folder: Path, part: int) -> list[str]:
    """Return the ids of the documents of a part."""
    with pq.ParquetFile(part_file(folder, part)) as file:
        ids: list[str] = file.read(columns=["id"])["id"].to_pylist()
    return ids


def select(columns: Mapping[str, Sequence[str]], rows: Sequence[int]) -> Columns:
    """Return the given rows of all columns."""
    return {name: [values[row] for row in rows] for name, values in columns.items()}


def n_rows(columns: Mapping[str, Sequence[str]]) -> int:
    """Return the number of documents."""
    return len(columns["id"])
