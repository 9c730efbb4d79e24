"""Index folders: atomic replacement, a lock for one writer, and checks for damaged files."""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from llmexam.errors import CorruptIndexError, EvidenceIndexError, RunError
from llmexam.evidence.index.manifest import FILE_NAME, read_manifest
from llmexam.machine import sync_to_disk
from llmexam.storage.hashing import hash_file, hash_json
from llmexam.storage.locking import lock_folder

_LOCK = ".lock"
# The last four bytes of every tantivy file. The four bytes before them are the length of a JSON
# footer, which holds the CRC-32 of the file's contents.
_MAGIC = (1337).to_bytes(4, "little")
_OWN_FILE = re.compile(
    # Files of both kinds of index, with the temporary names that `atomic_path` and tantivy use.
    r"(manifest\.json|(tantivy/)?\.[^/]*(lock|tmp[^/]*))"
    r"|(vectors(-\d+\.faiss|\.f32)|passages\.sqlite(-journal|-wal|-shm)?)"
    r"|tantivy/(meta\.json|\.managed\.json|[0-9a-f]{32}(\.\d+)?\.[a-z]+)"
)
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
        yield


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
    files = sorted(f for f in path.rglob("*") if f.is_file() and not f.name.endswith(_LOCK))
    return hash_json([[f.relative_to(path).as_posix(), hash_file(f)] for f in files])


@contextmanager
def built_folder(folder: str | Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `folder` on success and is deleted on failure.

    Leftovers of a killed process are deleted first. If `folder` is a symbolic link, the link
    stays and its target is replaced.

    Raises:
        EvidenceIndexError: `folder` is something other than an index, or another process builds it.
    """
    target = Path(folder).resolve()
    temporary, old = (target.with_name(f".{target.name}.{kind}") for kind in ("building", "old"))
    for path in (target, temporary, old):
        _require_index_or_nothing(path)
    with ExitStack() as held:
        if target.exists():
            held.enter_context(held_for_writing(target))
        held.enter_context(held_for_writing(temporary))
        try:
            _clear(temporary)
            yield temporary
            _sync(temporary)
            _put_in_place(temporary, target, old)
        finally:
            if temporary.exists():
                shutil.rmtree(temporary, ignore_errors=True)


def damage(data: Path) -> CorruptIndexError | None:
    """Return the first fault in the files of a tantivy index as an error, or None.

    The list of segments and the footer of each file show missing, truncated and zeroed files;
    the checksum is compared for files of up to 256 MB.
    """
    meta = data / "meta.json"
    try:
        segments = json.loads(meta.read_bytes())["segments"]
        names = [segment["segment_id"].replace("-", "") for segment in segments]
    except (FileNotFoundError, IsADirectoryError):
        return _corrupt(meta, "is missing")
    except (ValueError, KeyError, TypeError, AttributeError):
        return _corrupt(meta, "is damaged")
    present = {file.name for file in data.iterdir()}
    for name in names:
        for suffix in ("term", "idx", "store", "fieldnorm"):
            if f"{name}.{suffix}" not in present:
                return _corrupt(data / f"{name}.{suffix}", "is missing")
    for file in sorted(present):
        if (data / file).is_dir():
            return _corrupt(data / file, "is a folder")
        if file.partition(".")[0] in names and not _is_sound(data / file):
            return _corrupt(data / file, "is truncated or overwritten")
    return None


def _is_sound(path: Path) -> bool:
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
        if size > _CHECKED_BYTES:
            return True
        stream.seek(n_left)
        try:
            expected = json.loads(stream.read(length))["crc"]
        except (ValueError, KeyError, TypeError):
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


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name == _LOCK:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _sync(folder: Path) -> None:
    for root, _, files in os.walk(folder):
        for path in (Path(root), *(Path(root) / name for name in files if name != _LOCK)):
            sync_to_disk(path)


def _require_index_or_nothing(folder: Path) -> None:
    """Check that a folder to be replaced holds only files of an index.

    Raises:
        EvidenceIndexError: It is a file, or a folder that holds something else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise EvidenceIndexError("expected a folder as output, got a file", file=folder)
    names = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    foreign = sorted(name for name in names if not _OWN_FILE.fullmatch(name))
    # Many programs write a `manifest.json`, so that file alone does not prove an index.
    if not foreign and names - {_LOCK} == {FILE_NAME}:
        foreign = [FILE_NAME]
    if foreign:
        raise EvidenceIndexError(
            f"the folder contains files that are not of an index: {foreign[0]}",
            file=folder,
            hint="Choose another folder, or move these files away",
        )


def _put_in_place(temporary: Path, target: Path, old: Path) -> None:
    # `rename` cannot replace a folder that is not empty, so the old one is moved away first.
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.replace(old)
    temporary.replace(target)
    shutil.rmtree(old, ignore_errors=True)
