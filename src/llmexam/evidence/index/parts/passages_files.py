"""Passages in Parquet files, from which parts are built."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import RunError
from llmexam.exam.question import Passage
from llmexam.storage.atomic import atomic_path

FILE_PASSAGES = 20_000
"""Most passages in one file."""
_FILE_CHARACTERS = 64_000_000
_BATCH = 2_000
_COLUMNS = ("id", "title", "text")


@dataclass(frozen=True, slots=True)
class PassagesFile:
    """Some passages of a file, or all of them.

    Attributes:
        path: The Parquet file, with the columns `id`, `title` and `text`.
        start: Number of the first passage, from 0.
        stop: Number after the last one.
    """

    path: str
    start: int
    stop: int


def write_passages(folder: Path, passages: Iterable[Passage]) -> list[PassagesFile]:
    """Write a stream of passages to files `passages-00000.parquet` and so on, each atomically.

    Returns:
        The files in order; none if there are no passages.
    """
    written = []
    for number, batch in enumerate(_batches(passages)):
        path = folder / f"passages-{number:05d}.parquet"
        _write(path, batch)
        written.append(PassagesFile(str(path), 0, len(batch)))
    return written


def read_passages(files: Sequence[PassagesFile]) -> Iterator[Passage]:
    """Yield the passages of files in order.

    Raises:
        RunError: A file is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in files:
        try:
            with pq.ParquetFile(file.path) as opened:
                before = 0
                for batch in opened.iter_batches(_BATCH, columns=list(_COLUMNS)):
                    first = max(file.start - before, 0)
                    rows = batch.slice(first, max(file.stop - before - first, 0))
                    before += batch.num_rows
                    columns = (rows.column(name).to_pylist() for name in _COLUMNS)
                    for id_, title, text in zip(*columns, strict=True):
                        yield Passage(text=text, title=title, id=id_)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise RunError(
                f"cannot read the passages: {str(error).splitlines()[0]}",
                file=file.path,
                hint="Delete the folder of this file, and run the same command again",
            ) from None


def cut_evenly(files: Sequence[PassagesFile], n_parts: int) -> list[tuple[PassagesFile, ...]]:
    """Return the files of each part: the same order, and numbers that differ by at most one.

    >>> [[(f.start, f.stop) for f in part] for part in cut_evenly([PassagesFile("a", 0, 5)], 2)]
    [[(0, 2)], [(2, 5)]]
    """
    n_passages = sum(file.stop - file.start for file in files)
    bounds = [number * n_passages // n_parts for number in range(n_parts + 1)]
    return [tuple(_between(files, start, stop)) for start, stop in itertools.pairwise(bounds)]


def _between(files: Sequence[PassagesFile], start: int, stop: int) -> Iterator[PassagesFile]:
    before = 0
    for file in files:
        n = file.stop - file.start
        first, last = max(start - before, 0), min(stop - before, n)
        if first < last:
            yield PassagesFile(file.path, file.start + first, file.start + last)
        before += n


def _batches(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    batch: list[Passage] = []
    n_characters = 0
    for passage in passages:
        batch.append(passage)
        n_characters += len(passage.text)
        if len(batch) == FILE_PASSAGES or n_characters >= _FILE_CHARACTERS:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _write(path: Path, passages: Sequence[Passage]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {name: [getattr(passage, name) for passage in passages] for name in _COLUMNS},
        schema=pa.schema([(name, pa.string()) for name in _COLUMNS]),
    )
    with atomic_path(path) as temporary:
        pq.write_table(
            table, temporary, row_group_size=_BATCH, compression="zstd", use_dictionary=False
        )
