"""Passage texts of a dense index, in SQLite for its atomic transactions."""

from __future__ import annotations

import errno
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from llmexam.errors import CorruptIndexError
from llmexam.evidence.index.passages_hash import joined_bytes
from llmexam.exam.question import Passage

_FILE = "passages.sqlite"
_SCHEMA = """
CREATE TABLE passage (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, document TEXT, title TEXT, text TEXT,
    checksum TEXT
);
CREATE TABLE vectors (file TEXT, n_bytes INTEGER, checksums TEXT);
"""
# Columns that stores of earlier versions of llmexam lack.
_ADDED = {"passage": "checksum TEXT", "vectors": "checksums TEXT"}
_DISK_ERRORS = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
)
_INDEXES = """
CREATE INDEX IF NOT EXISTS passage_id ON passage (id);
CREATE INDEX IF NOT EXISTS passage_document ON passage (document);
"""


def document_of(id_: str) -> str:
    """Return the document id of a passage: `doc` for `doc#3`.

    This holds for chunks of documents. Where documents are indexed without chunking, `doc#3` is
    itself the id of a document.

    >>> document_of("a#b#3"), document_of("a#b")
    ('a#b', 'a#b')
    """
    document, mark, number = id_.rpartition("#")
    return document if mark and number.isdigit() else id_


@dataclass(frozen=True)
class VectorsFile:
    """The file with the vectors of the passages.

    Attributes:
        name: Its name in the folder.
        n_bytes: Its size.
        checksums: Of its blocks (see `block_checksums`); None where none were recorded.
    """

    name: str
    n_bytes: int
    checksums: tuple[int, ...] | None


class PassageStore:
    """Numbered passages, and the name of the file with their vectors.

    Both change in one transaction, so texts and vectors always match, even after a writer was
    killed.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def create(cls, folder: Path) -> None:
        """Create an empty store in a folder."""
        path = folder / _FILE
        path.touch()
        with cls.open(folder) as store:
            store._connection.executescript(_SCHEMA)

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[PassageStore]:
        """Yield the store; changes are committed at the end, or rolled back on any error.

        Raises:
            CorruptIndexError: The file is missing or damaged.
        """
        path = folder / _FILE
        try:
            if not path.is_file():
                raise sqlite3.DatabaseError("file not found")
            with closing(sqlite3.connect(path)) as connection, connection:
                yield cls(connection)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) in _DISK_ERRORS:
                number = errno.ENOSPC if "full" in str(error) else errno.EIO
                raise OSError(number, str(error), str(path)) from None
            raise CorruptIndexError(
                f"cannot read the passages: {error}", file=path, hint="Build the index again"
            ) from None

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT COUNT(*) FROM passage").fetchone()[0])

    def append(self, passages: Iterable[Passage], *, whole: bool = False) -> list[int]:
        """Add passages and return their numbers.

        Args:
            passages: The passages.
            whole: Whether documents are not chunked: then `a#1` and `a#2` are two documents.
        """
        # Numbers of deleted passages are never reused, so that a process with older vectors
        # in memory cannot look up another text under the same number.
        last = self._connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'passage'"
        ).fetchone()
        self._add_columns()
        rows = []
        for number, p in enumerate(passages, 0 if last is None else int(last[0]) + 1):
            document, title = p.id if whole else document_of(p.id), " ".join(p.title.split())
            checksum = _checksum(number, p.id, title, p.text)
            rows.append((number, p.id, document, title, p.text, checksum))
        self._connection.executemany("INSERT INTO passage VALUES (?, ?, ?, ?, ?, ?)", rows)
        return [row[0] for row in rows]

    def _has_checksums(self, table: str) -> bool:
        added = _ADDED[table].partition(" ")[0]
        columns = self._connection.execute(f"PRAGMA table_info({table})").fetchall()
        return any(column[1] == added for column in columns)

    def _add_columns(self) -> None:
        for table, column in _ADDED.items():
            if not self._has_checksums(table):
                self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")

    def remove_documents(self, ids: Iterable[str]) -> list[int]:
        """Delete all passages of documents; return their numbers."""
        self.index()
        return sorted(number for id_ in ids for number in self._delete("document", id_))

    def remove(self, ids: Iterable[str]) -> list[int]:
        """Delete documents or passages by id; return the numbers of the passages.

        A document takes precedence over a passage of another document with the same id: `a#0`
        can be a document, and also the first passage of document `a`.
        """
        self.index()
        return sorted(
            number
            for id_ in ids
            for number in self._delete("document", id_) or self._delete("id", id_)
        )

    def find(self, column: Literal["document", "id"], value: str) -> list[str]:
        """Return the ids of the passages of a document, or those with an id."""
        rows = self._connection.execute(f"SELECT id FROM passage WHERE {column} = ?", (value,))
        return [str(id_) for (id_,) in rows]

    def _delete(self, column: str, value: str) -> list[int]:
        found = self._connection.execute(
            f"DELETE FROM passage WHERE {column} = ? RETURNING number", (value,)
        )
        return [int(number) for (number,) in found]

    def index(self) -> None:
        """Create the index on ids; cheaper after all passages are inserted than before."""
        for statement in _INDEXES.split(";"):
            self._connection.execute(statement)

    def get(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """Return the passages with these numbers.

        Raises:
            sqlite3.DatabaseError: A passage does not match its checksum; `open` tells of damage.
        """
        found = {}
        checksum = "checksum" if self._has_checksums("passage") else "NULL"
        for number in numbers:
            row = self._connection.execute(
                f"SELECT number, id, title, text, {checksum} FROM passage WHERE number = ?",
                (number,),
            ).fetchone()
            if row is not None:
                _require_sound(row)
                found[number] = Passage(text=row[3], title=row[2], id=row[1])
        return found

    def verify(self) -> None:
        """Check the structure of the file, and every passage.

        Raises:
            sqlite3.DatabaseError: Something is damaged; `open` tells of it.
        """
        (told,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if told != "ok":
            raise sqlite3.DatabaseError(str(told))
        checksum = "checksum" if self._has_checksums("passage") else "NULL"
        for row in self._connection.execute(
            f"SELECT number, id, title, text, {checksum} FROM passage"
        ):
            _require_sound(row)

    @property
    def vectors(self) -> VectorsFile:
        """The file with the vectors of these passages."""
        checksums = "checksums" if self._has_checksums("vectors") else "NULL"
        row = self._connection.execute(f"SELECT file, n_bytes, {checksums} FROM vectors").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("it contains no vector file name")
        try:
            blocks = None if row[2] is None else tuple(int(part) for part in row[2].split())
            return VectorsFile(str(row[0]), int(row[1]), blocks)
        except (ValueError, TypeError, AttributeError):
            raise sqlite3.DatabaseError("the record of the vectors is damaged") from None

    @vectors.setter
    def vectors(self, value: VectorsFile) -> None:
        self._add_columns()
        blocks = None if value.checksums is None else " ".join(map(str, value.checksums))
        self._connection.execute("DELETE FROM vectors")
        self._connection.execute(
            "INSERT INTO vectors VALUES (?, ?, ?)", (value.name, value.n_bytes, blocks)
        )

    @property
    def manifest(self) -> str | None:
        """The manifest of the index with these passages; None where none was recorded."""
        known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'manifest'"
        if self._connection.execute(known).fetchone() is None:
            return None
        row = self._connection.execute(
            "SELECT content FROM manifest WHERE vectors = ?", (self.vectors.name,)
        ).fetchone()
        return None if row is None else str(row[0])

    @manifest.setter
    def manifest(self, value: str) -> None:
        table = "CREATE TABLE IF NOT EXISTS manifest (vectors TEXT, content TEXT)"
        self._connection.execute(table)
        self._connection.execute("DELETE FROM manifest")
        # Earlier versions of llmexam change the vectors, and not this record of them.
        self._connection.execute("INSERT INTO manifest VALUES (?, ?)", (self.vectors.name, value))


def _require_sound(row: tuple[Any, ...]) -> None:
    *content, expected = row
    # Numbers are of an earlier version of llmexam, and differ between versions of Python.
    if isinstance(expected, str | bytes) and expected != _checksum(*content):
        raise sqlite3.DatabaseError(f"passage {content[0]} does not match its checksum")


def _checksum(*content: object) -> str:
    return f"crc32 {zlib.crc32(joined_bytes(*map(str, content))):08x}"
