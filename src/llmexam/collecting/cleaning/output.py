"""Write the result of a cleaning: the corpus, and the documents that were dropped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from llmexam.collecting.cleaning.parts import n_rows, part_file, read_part, write_part
from llmexam.collecting.cleaning.passes import Pass
from llmexam.storage.atomic import atomic_path

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
            chosen = {name: values for name, values in columns.items() if name in wanted}
            write_part(folder / f"part-{number:05}.parquet", chosen)
            number += 1


def write_dropped(passes: Sequence[Pass], n_parts: int, path: Path) -> None:
    """Write the dropped documents of all passes to one file, in the order of the passes."""
    wanted = {*_columns(passes[0], n_parts), "step", "reason", "detail"}
    with atomic_path(path) as temporary:
        writer: pq.ParquetWriter | None = None
        for one in passes:
            for part in range(n_parts):
                columns = read_part(one.dropped_file(part))
                chosen = {name: values for name, values in columns.items() if name in wanted}
                table = pa.table({k: pa.array(v, pa.string()) for k, v in chosen.items()})
                if writer is None:
                    writer = pq.ParquetWriter(temporary, table.schema, compression="zstd")
                writer.write_table(table)
        if writer is not None:
            writer.close()


def _columns(first: Pass, n_parts: int) -> set[str]:
    """Return the columns that have a value in some document of the corpus."""
    found = set(_ALWAYS)
    for part in range(n_parts):
        found.update(first.record(part)["columns"])
    return found
