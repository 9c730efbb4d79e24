"""Cache on disk: bytes by key, in one SQLite file per folder.

Any number of processes may read and write at once. Each call opens the file anew, so a store may
be shared by threads and survives a fork; and it uses no write-ahead log, which would not work on
folders that several machines share.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from llmexam.errors import CacheError

_LOG = logging.getLogger(__name__)

FILE = "answers.sqlite"
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answer (
    number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, checksum INTEGER
)
"""
# Earlier versions of llmexam wrote no checksums, and write none into this column.
_ADD_CHECKSUM = "ALTER TABLE answer ADD COLUMN checksum INTEGER"
_KEY_BYTES = 16
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
# SQLite before 3.32 takes no more parameters in one statement.
_MOST_PARAMETERS = 999
# What another process does to the file takes milliseconds; a slow disk may take longer.
_WAIT_SECONDS = 60.0
# Dropping some more than is needed keeps it from being needed at every call.
_SHARE_KEPT = 0.9


class AnswerStore:
    """Values by key; the first value of a key is never replaced.

    Every value has a checksum. One that does not fit its checksum is deleted, as if it had never
    been cached, and the log tells of it.

    Args:
        folder: Where the file is; made by `prepare` and the first `put`.
        max_bytes: When the file grows beyond this, the oldest entries go; None for no bound.
        may_be_read_only: Whether new values are dropped, with a warning, where nothing can be
            written, such as on a mounted data set. Otherwise that is an error.

    Raises:
        CacheError: From every method, where the file is damaged or of another version.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int | None = None, may_be_read_only: bool = False
    ) -> None:
        self.path = folder / FILE
        self._max_bytes = max_bytes
        self._may_be_read_only = may_be_read_only
        self._is_read_only = False

    def prepare(self) -> None:
        """Create the file, for its owner only, so that a failure occurs before any work is done.

        Raises:
            OSError: The folder cannot be written to.
        """
        with self._dropping_if_read_only():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            with self._change():
                pass

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the values of the keys that are cached."""
        found: dict[bytes, bytes] = {}
        damaged: list[bytes] = []
        by_hash = {_hash(key): key for key in keys}
        hashes = list(by_hash)
        with self._open() as connection:
            if connection is None:
                return {}
            checksum = "checksum" if _has_checksums(connection) else "NULL"
            for begin in range(0, len(hashes), _MOST_PARAMETERS):
                some = hashes[begin : begin + _MOST_PARAMETERS]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    f"SELECT key, value, {checksum} FROM answer WHERE key IN ({marks})", some
                )
                for hash_, value, expected in rows:
                    if expected is None or expected == _checksum(hash_, value):
                        found[by_hash[hash_]] = value
                    else:
                        damaged.append(hash_)
        if damaged:
            self._drop_damaged(damaged)
        return found

    def _drop_damaged(self, hashes: list[bytes]) -> None:
        _LOG.warning(
            "%s: %d cached values are damaged and are computed or requested again",
            self.path,
            len(hashes),
        )
        # Where nothing can be written, they are damaged the next time, too.
        with suppress(OSError), self._change() as connection:
            connection.executemany("DELETE FROM answer WHERE key = ?", [(one,) for one in hashes])

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        """Add entries, all or none; after this returns, they survive a power failure.

        Raises:
            OSError: They cannot be written.
        """
        if not entries or self._is_read_only:
            return
        with self._dropping_if_read_only():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._change() as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO answer (key, value, checksum) VALUES (?, ?, ?)",
                    (
                        (hash_, value, _checksum(hash_, value))
                        for hash_, value in ((_hash(key), value) for key, value in entries.items())
                    ),
                )
                self._drop_oldest(connection)

    @contextmanager
    def _dropping_if_read_only(self) -> Iterator[None]:
        """Drop new values from now on if nothing can be written here and that is allowed."""
        try:
            yield
        except OSError as error:
            if not self._may_be_read_only or error.errno not in _READ_ONLY:
                raise
            self._is_read_only = True
            _LOG.warning("%s cannot be written to: new values are not cached", self.path.parent)

    def _drop_oldest(self, connection: sqlite3.Connection) -> None:
        pages, free, page_bytes = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        size = (pages - free) * page_bytes
        if self._max_bytes is None or size <= self._max_bytes:
            return
        n = connection.execute("SELECT COUNT(*) FROM answer").fetchone()[0]
        n_dropped = n - int(n * _SHARE_KEPT * self._max_bytes / size)
        connection.execute(
            "DELETE FROM answer WHERE number IN"
            " (SELECT number FROM answer ORDER BY number LIMIT ?)",
            (n_dropped,),
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """Yield a connection to read from, or None where there is nothing to read."""
        with self._connect(make=False) as connection:
            yield connection if connection is not None and self._version(connection) else None

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction, with the table there."""
        with self._connect(make=True) as connection:
            assert connection is not None
            # From the beginning: a lock that is asked for later cannot be waited for.
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                if not self._version(connection):
                    connection.execute(_SCHEMA)
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
                elif not _has_checksums(connection):
                    connection.execute(_ADD_CHECKSUM)
                yield connection

    @contextmanager
    def _connect(self, *, make: bool) -> Iterator[sqlite3.Connection | None]:
        if not make and not self.path.exists():
            yield None
            return
        try:
            connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
            with closing(connection):
                yield connection
        except sqlite3.OperationalError as error:  # a full disk, no permission, a lock for long
            # The lowest byte of an extended code is the primary one.
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self.path)) from None
            raise OSError(f"{self.path}: {error}") from None
        except sqlite3.DatabaseError as error:
            raise CacheError(
                f"the cached answers are damaged: {error}",
                file=self.path,
                hint="Delete this file: its contents are computed or requested again",
            ) from None

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version not in (0, _VERSION):
            raise CacheError(
                f"expected cached answers of version {_VERSION}, got version {version}",
                file=self.path,
                hint="Choose another cache_dir, or delete this file",
            )
        return version


def _has_checksums(connection: sqlite3.Connection) -> bool:
    columns = connection.execute("PRAGMA table_info(answer)").fetchall()
    return any(column[1] == "checksum" for column in columns)


def _checksum(hash_: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(hash_))


def _hash(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_KEY_BYTES).digest()
