"""Read a corpus as a stream of documents: JSONL, CSV, Parquet, plain text, Markdown, folders."""

from __future__ import annotations

import bz2
import codecs
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from llmexam.errors import CorpusError, nearest
from llmexam.evidence import corpus_formats, corpus_tables
from llmexam.evidence.corpus_fields import Record
from llmexam.evidence.packed import Bounds
from llmexam.evidence.seen import SeenKeys, hash_texts
from llmexam.exam.question import Passage
from llmexam.settings.base import Settings
from llmexam.settings.kinds import LocalPath, NotInKey

CorpusFormat = Literal["auto", "jsonl", "csv", "parquet", "text", "markdown"]

_SUFFIXES: dict[str, CorpusFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
}
_FIELDS = ("text", "title", "id")
_BATCH = 512


class CorpusSettings(Settings):
    """A corpus: path and format of its documents."""

    shorthand = "path"

    path: LocalPath = Field(
        description="a file, or a folder that is searched for files in known formats; hidden files "
        "are ignored"
    )
    format: CorpusFormat = Field(
        default="auto",
        description="format of the files; auto uses their suffix. With any other value, files of a "
        "folder with unknown suffixes or none are read as well",
    )
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="names of the columns or keys that hold `text`, `title` and `id`, if they "
        "differ",
    )

    max_record_mb: Annotated[int, NotInKey()] = Field(
        default=256, ge=1, description="largest line or record that is read, in MB"
    )
    max_expansion: Annotated[int, NotInKey()] = Field(
        default=200,
        ge=1,
        description="largest ratio of unpacked to compressed size of a file that unpacks to more "
        "than 256 MB",
    )

    @field_validator("fields")
    @classmethod
    def _require_known_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        for name in fields:
            if name not in _FIELDS:
                raise ValueError(f"unknown document field '{name}'. {nearest(name, _FIELDS)}")
        return fields


@dataclass
class CorpusCounts:
    """Counts of documents and skipped rows, updated while a corpus is read.

    Attributes:
        n_documents: Documents with text.
        n_blank: Rows skipped because their text is blank.
    """

    n_documents: int = 0
    n_blank: int = 0


def read_corpus(
    corpora: CorpusSettings | str | Path | Iterable[CorpusSettings | str | Path],
    *,
    counts: CorpusCounts | None = None,
) -> Iterator[Passage]:
    """Yield the documents of one or more corpora as a stream.

    Rows with blank text are skipped and counted. A document without an id of its own gets
    `<file name>:<row>`. An id that an earlier *file* used gets this file's name in front; an id
    that repeats within its file is an error.

    Args:
        corpora: Files or folders, or settings for them.
        counts: Filled in while documents are read.

    Raises:
        CorpusError: A file is missing, cannot be decoded or parsed, lacks the text field, repeats
            an id, or no document has any text.
    """
    for _, _, passage in read_rows(corpora, counts=counts):
        yield passage


def read_rows(
    corpora: CorpusSettings | str | Path | Iterable[CorpusSettings | str | Path],
    *,
    counts: CorpusCounts | None = None,
) -> Iterator[tuple[Path, int, Passage]]:
    """Yield documents as `read_corpus` does, each with its file and its row in this file.

    Args:
        corpora: Files or folders, or settings for them.
        counts: Filled in while documents are read.

    Raises:
        CorpusError: As `read_corpus`.
    """
    counts = counts if counts is not None else CorpusCounts()
    if isinstance(corpora, CorpusSettings | str | Path):
        corpora = [corpora]
    sources = [
        c if isinstance(c, CorpusSettings) else CorpusSettings(path=Path(c)) for c in corpora
    ]
    with SeenKeys() as everywhere:
        for settings in sources:
            before = counts.n_documents
            for path, label in corpus_files(settings):
                records = _records(path, label, settings)
                with SeenKeys() as here:
                    for row, passage in _documents(records, path, label, everywhere, here, counts):
                        yield path, row, passage
            if counts.n_documents == before:
                raise CorpusError(
                    "no document contains text",
                    file=settings.path,
                    field=settings.fields.get("text"),
                    hint="Set the column of the text, such as text=context",
                )


def corpus_files(settings: CorpusSettings) -> list[tuple[Path, str]]:
    """Return the files of a corpus in order, each with the label used in its documents' ids.

    Raises:
        CorpusError: The path does not exist, or the folder has no file of a supported format.
    """
    path = settings.path
    if path.is_file():
        return [(path, path.name.removesuffix(".gz").rpartition(".")[0] or path.name)]
    if not path.is_dir():
        raise CorpusError("file or folder not found", file=path)
    files = [p for p in _visible_files(path) if _is_wanted(p, settings.format)]
    if not files:
        for file in sorted(path.rglob("*")):
            if file.is_file() and _is_dump(file):
                raise _dump_error(file)
        raise CorpusError(
            "the folder contains no file in a known format",
            file=path,
            hint=f"Known suffixes: {' '.join(sorted(_SUFFIXES))}. With other suffixes or none, "
            "set the format",
        )
    labels = [file.relative_to(path).as_posix() for file in files]
    for file, label in zip(files, labels, strict=True):
        if not label.isprintable() and not _is_encodable(label):
            # The label is a part of the documents' ids.
            raise CorpusError(
                f"the name of a file is not UTF-8: {label!r}",
                file=file.parent,
                hint="Rename the file",
            )
    return list(zip(files, labels, strict=True))


def _is_encodable(text: str) -> bool:
    """Return whether a text has no lone surrogates, as names of files can have."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _visible_files(folder: Path) -> list[Path]:
    """Return all files of a folder in order, without hidden ones and hidden folders."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        path
        for path in files
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _is_wanted(path: Path, format: CorpusFormat) -> bool:
    """Return whether a file of a folder belongs to a corpus.

    With a format, so do texts whose suffix says nothing of their format.
    """
    known = _SUFFIXES.get(_suffix(path))
    if format == "auto" or known is not None:
        return known is not None and format in ("auto", known)
    return path.suffix == ".gz" or format == "parquet" or _is_text(path)


def _is_text(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(1024)
    try:
        # The last character may be cut.
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return b"\0" not in start


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _dump_error(path: Path) -> CorpusError:
    return CorpusError(
        "this is a dump of a wiki, whose pages must be extracted first",
        file=path,
        hint=f"Run: llmexam collect wikipedia {path.name} --out pages. Then index the folder pages",
    )


def _is_dump(path: Path) -> bool:
    """Return whether a file is a MediaWiki export or Enterprise dump, by its name or its start."""
    name = path.name.lower()
    if re.search(r"pages-(?:articles|meta)|\.xml\.(?:bz2|gz|7z|zst|xz)$|-ns0?-.*\.tar\.gz$", name):
        return True
    if path.suffix.lower() not in (".xml", ".bz2"):
        return False
    try:
        with bz2.open(path) if path.suffix.lower() == ".bz2" else path.open("rb") as stream:
            return b"<mediawiki" in stream.read(2000)
    except (OSError, EOFError, ValueError):
        return False


def _records(path: Path, label: str, settings: CorpusSettings) -> Iterator[Record]:
    kind = settings.format
    if kind == "auto":
        found = _SUFFIXES.get(_suffix(path))
        if found is None and _is_dump(path):
            raise _dump_error(path)
        if found is None:
            raise CorpusError(
                f"cannot tell the format from the suffix '{path.suffix}'",
                file=path,
                hint=f"Set the format: {', '.join(sorted(set(_SUFFIXES.values())))}",
            )
        kind = found
    bounds = Bounds(path, settings.max_record_mb, settings.max_expansion)
    try:
        match kind:
            case "jsonl":
                yield from corpus_formats.read_jsonl(path, settings.fields, bounds)
            case "csv":
                yield from corpus_tables.read_csv(path, settings.fields, bounds)
            case "parquet":
                yield from corpus_tables.read_parquet(path, settings.fields, bounds)
            case "text":
                yield from corpus_formats.read_text(path, bounds)
            case _:
                yield from corpus_formats.read_markdown(path, Path(label).stem, bounds)
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"expected UTF-8 text, got byte {error.object[error.start]:#04x}",
            file=path,
            hint="Convert it to UTF-8, or set the right format",
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CorpusError(
            f"is a damaged gzip archive: {error}", file=path, hint="Download it again"
        ) from None


def _documents(
    records: Iterator[Record],
    path: Path,
    label: str,
    everywhere: SeenKeys,
    here: SeenKeys,
    counts: CorpusCounts,
) -> Iterator[tuple[int, Passage]]:
    """Yield the records of one file as documents with ids that are unique in the corpus."""
    batch: list[tuple[int, Passage]] = []
    n_characters = 0
    for row, (id_, title, text) in chain(records, [(-1, ("", "", ""))]):
        if row < 0 or len(batch) == _BATCH or n_characters > 4_000_000:
            yield from _with_unique_ids(batch, path, label, everywhere, here)
            batch, n_characters = [], 0
        if row < 0:
            return
        if not text or text.isspace():
            counts.n_blank += 1
            continue
        counts.n_documents += 1
        n_characters += len(text)
        title = " ".join(title.split()) if title else ""
        batch.append((row, Passage(text=text, title=title, id=id_ or f"{label}:{row}")))


def _with_unique_ids(
    batch: list[tuple[int, Passage]],
    path: Path,
    label: str,
    everywhere: SeenKeys,
    here: SeenKeys,
) -> Iterator[tuple[int, Passage]]:
    if not batch:
        return
    keys = hash_texts(passage.id for _, passage in batch)
    is_new = here.add(keys)
    if not is_new.all():
        row, passage = batch[int(np.argmin(is_new))]
        raise CorpusError(
            f"duplicate id '{passage.id}'",
            file=path,
            row=row,
            field="id",
            hint="Give every document a unique id, or use another column as id",
        )
    free = everywhere.add(keys)
    for (row, passage), is_free in zip(batch, free.tolist(), strict=True):
        id_ = passage.id
        while not is_free:
            # Two folders may hold files of the same name, so the prefixed id can be taken as well.
            id_ = f"{label}/{id_}"
            is_free = bool(everywhere.add(hash_texts([id_]))[0])
        yield row, Passage(text=passage.text, title=passage.title, id=id_)
