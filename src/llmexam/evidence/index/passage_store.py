"""Passage texts of a dense index, in SQLite for its atomic transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from llmexam.errors import CorruptIndexError
from llmexam.exam.question import Passage

_FILE = "passages.sqlite"
_SCHEMA = """
CREATE TABLE passage (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, document TEXT, title TEXT, text TEXT
);
CREATE TABLE vectors (file TEXT, n_bytes INTEGER);
"""
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
        with closing(sqlite3.connect(folder / _FILE)) as connection:
            connection.executescript(_SCHEMA)

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
        rows = [
            (number, p.id, p.id if whole else document_of(p.id), " ".join(p.title.split()), p.text)
            for number, p in enumerate(passages, 0 if last is None else int(last[0]) + 1)
        ]
        self._connection.executemany("INSERT INTO passage VALUES (?, ?, ?, ?, ?)", rows)
        return [row[0] for row in rows]

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
        """Return the passages with these numbers."""
        found = {}
        for number in numbers:
            row = self._connection.execute(
                "SELECT id, title, text FROM passage WHERE number = ?", (number,)
            ).fetchone()
            if row is not None:
                found[number] = Passage(text=row[2], title=row[1], id=row[0])
        return found

    @property
    def vectors(self) -> tuple[str, int]:
        """Name and size in bytes of the file with the vectors of these passages."""
        row = self._connection.execute("SELECT file, n_bytes FROM vectors").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("it contains no vector file name")
        return str(row[0]), int(row[1])

    @vectors.setter
    def vectors(self, value: tuple[str, int]) -> None:
        self._connection.execute("DELETE FROM vectors")
        self._connection.execute("INSERT INTO vectors VALUES (?, ?)", value)
