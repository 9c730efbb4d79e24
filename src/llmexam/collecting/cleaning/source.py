"""Read the documents of a corpus with the columns that attribution needs, in parts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

from llmexam.collecting.corpus_files import DOCUMENT_COLUMNS, Columns, storable
from llmexam.errors import CorpusError, nearest
from llmexam.evidence.corpus import CorpusCounts, CorpusSettings, corpus_files, read_rows

# Longer texts end a part early, so that memory does not depend on the length of documents.
_MOST_CHARACTERS = 32_000_000
_READ = ("id", "title", "text")


def read_parts(
    corpora: Sequence[CorpusSettings],
    *,
    columns: Sequence[str] = (),
    n_documents: int = 5000,
    sample: int | None = None,
    seed: int = 0,
    counts: CorpusCounts | None = None,
) -> Iterator[Columns]:
    """Yield a corpus in parts, as columns of text.

    Args:
        corpora: The corpora.
        columns: Columns to read beside those of `Document`.
        n_documents: Most documents of a part.
        sample: Number of documents to draw at random, in their order; all by default.
        seed: Random seed of the sample.
        counts: Filled in while documents are read.

    Raises:
        CorpusError: The corpus cannot be read, or no file has one of the columns.
    """
    names = (*(name for name in DOCUMENT_COLUMNS if name not in _READ), *columns)
    documents = _documents(corpora, names, columns, counts)
    if sample is not None:
        documents = iter(_draw(documents, sample, seed))
    part: Columns = {name: [] for name in (*_READ, *names)}
    n_characters = 0
    for values in documents:
        for name, one in values.items():
            part[name].append(one)
        n_characters += len(values["text"])
        if len(part["id"]) == n_documents or n_characters > _MOST_CHARACTERS:
            yield part
            part, n_characters = {name: [] for name in part}, 0
    if part["id"]:
        yield part


def _documents(
    corpora: Sequence[CorpusSettings],
    names: Sequence[str],
    required: Sequence[str],
    counts: CorpusCounts | None,
) -> Iterator[dict[str, str]]:
    here: Path | None = None
    further: _FurtherColumns | None = None
    seen: set[str] = set()
    present: set[str] = set()
    formats = {path: one.format for one in reversed(corpora) for path, _ in corpus_files(one)}
    for path, row, passage in read_rows(corpora, counts=counts):
        if path != here or further is None:
            if further is not None:
                further.close()
            here, further = path, _FurtherColumns(path, formats[path], names, present)
        values = further.at(row)
        seen.update(name for name in required if name in values)
        yield {
            "id": passage.id or "",
            "title": passage.title,
            "text": passage.text,
            **{name: values.get(name, "") for name in names},
        }
    if further is not None:
        further.close()
    for name in required:
        if name not in seen:
            raise CorpusError(
                "no document has this column",
                file=corpora[0].path,
                field=name,
                hint=nearest(name, sorted(present)),
            )


def _draw(documents: Iterator[dict[str, str]], n: int, seed: int) -> list[dict[str, str]]:
    """Return documents drawn uniformly in one pass, in their order (reservoir sampling)."""
    generator = random.Random(seed)
    drawn: list[tuple[int, dict[str, str]]] = []
    for number, document in enumerate(documents):
        if len(drawn) < n:
            drawn.append((number, document))
        elif (place := generator.randrange(number + 1)) < n:
            drawn[place] = (number, document)
    return [document for _, document in sorted(drawn, key=lambda one: one[0])]


class _FurtherColumns:
    """Columns of a file that `read_corpus` does not return, read row by row beside it.

    Args:
        path: The file.
        kind: Its format.
        names: The columns to read.
        present: Filled in with the columns of the first row.
    """

    def __init__(self, path: Path, kind: str, names: Sequence[str], present: set[str]) -> None:
        self._names = frozenset(names)
        self._present, self._is_first = present, True
        self._rows = self._open(path, kind)
        self._row, self._values = 0, cast(dict[str, str], {})

    def at(self, row: int) -> dict[str, str]:
        """Return the columns of a row; rows are asked for in order."""
        while self._row < row:
            found = next(self._rows, None)
            if found is None:
                return {}
            self._row, self._values = found
        return self._values if self._row == row else {}

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def _open(self, path: Path, kind: str) -> Any:
        suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
        if kind == "parquet" or (kind == "auto" and suffix == ".parquet"):
            return self._read_parquet(path)
        if kind == "jsonl" or (kind == "auto" and suffix in (".jsonl", ".ndjson")):
            return self._read_jsonl(path)
        if kind == "csv" or (kind == "auto" and suffix in (".csv", ".tsv")):
            return self._read_csv(path)
        return _nothing()

    def _read_jsonl(self, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
        with _open(path) as stream:
            for row, line in enumerate(stream, 1):
                if line.isspace():
                    continue
                record = json.loads(line.removeprefix(b"\xef\xbb\xbf") if row == 1 else line)
                yield row, self._chosen(record)

    def _read_csv(self, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
        delimiter = "\t" if ".tsv" in path.suffixes else ","
        with io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline="") as text:
            rows = csv.reader(text, delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(rows)]
            for row, cells in enumerate(rows, 1):
                yield row, self._chosen(dict(zip(header, cells, strict=False)))

    def _read_parquet(self, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            self._present.update(file.schema_arrow.names)
            present = sorted(self._names.intersection(file.schema_arrow.names))
            row = 0
            for batch in file.iter_batches(batch_size=1024, columns=present) if present else ():
                for record in batch.to_pylist():
                    row += 1
                    yield row, self._chosen(record)

    def _chosen(self, record: Mapping[str, Any]) -> dict[str, str]:
        if self._is_first:
            self._present.update(record)
            self._is_first = False
        return {
            name: _as_text(value)
            for name, value in record.items()
            if name in self._names and value is not None
        }


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return storable(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path))
    return path.open("rb")


def _nothing() -> Iterator[tuple[int, dict[str, str]]]:
    yield from ()
