"""Index folders: a lock for one writer, the hash of the contents, and checks for damaged files."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from llmexam.errors import CorruptIndexError, EvidenceIndexError, RunError
from llmexam.evidence.index.manifest import read_manifest
from llmexam.storage.hashing import hash_file, hash_json
from llmexam.storage.locking import lock_folder
from llmexam.storage.temporary import clear_leftovers, is_temporary

LOCK = ".lock"
# The last four bytes of every tantivy file. The four bytes before them are the length of a JSON
# footer, which holds the CRC-32 of the file's contents.
_MAGIC = (1337).to_bytes(4, "little")
# Checksums of files up to this size take a fraction of a second; of larger files only the footer
# is checked.
_CHECKED_BYTES = 256_000_000


@contextmanager
def held_for_writing(folder: Path) -> Iterator[None]:
    """Lock an index for writing by this process.

    Raises:
        EvidenceIndexError: Another process is writing into it.
    """
    with ExitStack() as held:
        # Only taking the lock is inside `try`: errors of the caller's block pass through unchanged.
        try:
            held.enter_context(lock_folder(folder))
        except RunError:
            raise EvidenceIndexError(
                "another process is writing to this index",
                file=folder,
                hint="Wait until it ends, or stop it",
            ) from None
        _clear_after_a_kill(folder)
        yield


def _clear_after_a_kill(folder: Path) -> None:
    """Delete the temporary files of killed writers; the caller holds the lock."""
    clear_leftovers(folder, deep=True)
    for path in folder.glob("tantivy/.tmp*"):
        path.unlink(missing_ok=True)


def index_hash(folder: str | Path) -> str:
    """Return a hash of the contents of an index: equal hashes give equal search results.

    An index of layout version 1, or one whose last change was interrupted, has no hash of its
    passages. Its files are hashed instead, so that no change to them is missed.

    Raises:
        EvidenceIndexError: The folder is not an index, or its manifest is invalid.
    """
    path = Path(folder)
    manifest = read_manifest(path)
    if manifest.passages_hash:
        return manifest.content_hash
    files = sorted(f for f in path.rglob("*") if f.is_file() and not is_passing(f))
    return hash_json([[f.relative_to(path).as_posix(), hash_file(f)] for f in files])


def is_passing(path: Path) -> bool:
    """Return whether a file of an index is a lock or a temporary file."""
    return path.name.endswith(LOCK) or path.name.startswith(".tmp") or is_temporary(path)


def damage(data: Path, *, checked_bytes: int = _CHECKED_BYTES) -> CorruptIndexError | None:
    """Return the first fault in the files of a tantivy index as an error, or None.

    The list of segments and the footer of each file show missing, truncated and zeroed files.

    Args:
        data: The folder of the tantivy index.
        checked_bytes: Size of the largest file whose checksum is compared.
    """
    meta = data / "meta.json"
    try:
        segments = json.loads(meta.read_bytes())["segments"]
        names = [segment["segment_id"].replace("-", "") for segment in segments]
    except (FileNotFoundError, IsADirectoryError):
        return _corrupt(meta, "is missing")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _corrupt(meta, "is damaged")
    present = {file.name for file in data.iterdir()}
    for name in names:
        for suffix in ("term", "idx", "store", "fieldnorm"):
            if f"{name}.{suffix}" not in present:
                return _corrupt(data / f"{name}.{suffix}", "is missing")
    for file in sorted(present):
        if (data / file).is_dir():
            return _corrupt(data / file, "is a folder")
        if file.partition(".")[0] in names and not _is_sound(data / file, checked_bytes):
            return _corrupt(data / file, "is truncated or overwritten")
    return None


def _is_sound(path: Path, checked_bytes: int) -> bool:
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size < 8:
            return False
        stream.seek(-8, os.SEEK_END)
        tail = stream.read(8)
        length = int.from_bytes(tail[:4], "little")
        n_left = size - 8 - length
        if tail[4:] != _MAGIC or n_left < 0:
            return False
        if size > checked_bytes:
            return True
        stream.seek(n_left)
        try:
            expected = json.loads(stream.read(length))["crc"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        stream.seek(0)
        found = 0
        while n_left > 0:
            part = stream.read(min(n_left, 1 << 20))
            found = zlib.crc32(part, found)
            n_left -= len(part) or n_left
    return bool(found == expected)


def _corrupt(path: Path, what: str) -> CorruptIndexError:
    return CorruptIndexError(f"the index is damaged: this file {what}", file=path, hint=REBUILD)


REBUILD = "Build the index again"
