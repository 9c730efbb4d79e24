"""Write the result of a cleaning: the corpus, and the documents that were dropped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmexam.collecting.cleaning.parts import n_rows, part_file, read_part
from llmexam.collecting.cleaning.passes import Pass
from llmexam.collecting.corpus_files import Columns, write_columns

_ALWAYS = ("id", "title", "text")


def write_corpus(passes: Sequence[Pass], n_parts: int, folder: Path) -> None:
    """Write the parts that the last pass left as files `part-00000.parquet` and so on.

    A part without documents is left out, except when all are: then one empty file is written.
    Columns that are empty in the whole corpus are left out.
    """
    last = passes[-1]
    wanted = _columns(passes[0], n_parts)
    number = 0
    for part in range(n_parts):
        columns = read_part(part_file(last.folder, part))
        if n_rows(columns) or (part == n_parts - 1 and number == 0):
            write_columns(folder / f"part-{number:05}.parquet", [_chosen(columns, wanted)])
            number += 1


def write_dropped(passes: Sequence[Pass], n_parts: int, path: Path) -> None:
    """Write the dropped documents of all passes to one file, in the order of the passes."""
    wanted = {*_columns(passes[0], n_parts), "step", "reason", "detail"}
    files = (one.dropped_file(part) for one in passes for part in range(n_parts))
    write_columns(path, (_chosen(read_part(file), wanted) for file in files))


def _chosen(columns: Columns, wanted: set[str]) -> Columns:
    return {name: values for name, values in columns.items() if name in wanted}


def _columns(first: Pass, n_parts: int) -> set[str]:
    """Return the columns that have a value in some document of the corpus."""
    found = set(_ALWAYS)
    for part in range(n_parts):
        found.update(first.record(part)["columns"])
    return found
