"""Atomic replacement of index folders."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from llmexam.errors import EvidenceIndexError
from llmexam.evidence.index.files import LOCK, held_for_writing, is_passing
from llmexam.evidence.index.manifest import FILE_NAME
from llmexam.evidence.index.recovery import recover_replaced, replaced_path
from llmexam.machine import exchange_paths, sync_to_disk
from llmexam.storage.permissions import open_to_readers, take_permissions

_OWN_FILE = re.compile(
    # Files of both kinds of index, with the temporary names that `atomic_path` and tantivy use.
    r"(\.?part-\d{5}(\.\d+)?(\.building|\.old)?/)?("
    r"((manifest|checksums|precision)\.json|(tantivy/)?\.[^/]*(lock|tmp[^/]*))"
    r"|(vectors(-\d+\.faiss|\.f32)|passages\.sqlite(-journal|-wal|-shm)?)"
    r"|tantivy/(meta\.json|\.managed\.json|[0-9a-f]{32}(\.\d+)?\.[a-z]+)"
    r")"
    r"|parts-build\.json"
)
# What a folder holds while an index in parts is built in it.
_STAGED_FILE = re.compile(r"reading\.json|passages-\d{5}\.parquet|\.[^/]*tmp[^/]*|shards/.*")


@contextmanager
def built_folder(folder: str | Path, *, from_present: bool = False) -> Iterator[Path]:
    """Yield a folder that replaces `folder` on success and is deleted on failure.

    Leftovers of a killed process are deleted first. If `folder` is a symbolic link, the link
    stays and its target is replaced.

    Args:
        folder: The index that is replaced, if there is one.
        from_present: Whether the yielded folder has the files of the present index, as hard
            links: a change must replace files, and not write into them. New files get the
            permissions of the present ones. Otherwise the folder is empty.

    Raises:
        EvidenceIndexError: `folder` is something other than an index, or another process builds it.
    """
    recover_replaced(folder, FILE_NAME)
    target = Path(folder).resolve()
    temporary, old = target.with_name(f".{target.name}.building"), replaced_path(target)
    for path in (temporary, old) if from_present else (target, temporary, old):
        require_index_or_nothing(path, is_passing_name=path != target)
    with ExitStack() as held:
        if target.exists():
            held.enter_context(held_for_writing(target))
        held.enter_context(held_for_writing(temporary))
        try:
            clear_folder(temporary)
            if from_present:
                _link_files(target, temporary)
            yield temporary
            if from_present:
                take_permissions(temporary, target, FILE_NAME)
            else:
                open_to_readers(temporary)
            sync_folder(temporary)
            put_in_place(temporary, target, old)
        finally:
            if temporary.exists():
                shutil.rmtree(temporary, ignore_errors=True)


def _link_files(source: Path, target: Path) -> None:
    writer = target.stat().st_uid
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir() and not path.is_symlink():
            place.mkdir(exist_ok=True)
        elif not is_passing(path):
            # Another user could still change a linked file.
            is_own = path.lstat().st_uid == writer
            if not is_own or not _link(path, place):
                shutil.copy2(path, place, follow_symlinks=False)


def _link(path: Path, place: Path) -> bool:
    try:
        os.link(path, place, follow_symlinks=False)
    except OSError:  # a file system without hard links
        return False
    return True


def clear_folder(folder: Path) -> None:
    """Delete all files of a folder but its lock."""
    for entry in folder.iterdir():
        if entry.name == LOCK:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def sync_folder(folder: Path) -> None:
    """Flush all files of a folder to the disk."""
    for root, _, files in os.walk(folder):
        for path in (Path(root), *(Path(root) / name for name in files if name != LOCK)):
            sync_to_disk(path)


def require_index_or_nothing(folder: Path, *, is_passing_name: bool) -> None:
    """Check that a folder to be replaced holds only files of an index.

    Args:
        folder: The folder.
        is_passing_name: Whether its name is one that only llmexam gives, for a while.

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
    if is_passing_name:
        names = {name for name in names if not _STAGED_FILE.fullmatch(name)}
    foreign = sorted(name for name in names if not _OWN_FILE.fullmatch(name))
    # Many programs write a `manifest.json`, so that file alone does not prove an index.
    # A killed process may leave it alone in a folder that it was deleting.
    if not foreign and names - {LOCK} == {FILE_NAME} and not is_passing_name:
        foreign = [FILE_NAME]
    if foreign:
        raise EvidenceIndexError(
            f"the folder contains files that are not of an index: {foreign[0]}",
            file=folder,
            hint="Choose another folder, or move these files away",
        )


def put_in_place(temporary: Path, target: Path, old: Path) -> None:
    """Move a folder to where an index is or shall be; what was there may stay in `temporary`.

    Args:
        temporary: The complete folder, beside the target.
        target: The place of the index.
        old: Where the present index is meanwhile, if the system cannot exchange two folders.
    """
    if target.exists() and not exchange_paths(temporary, target):
        # `rename` cannot replace a folder that is not empty, so the old one is moved away first.
        # After a kill between the two, `recover_replaced` moves it back.
        shutil.rmtree(old, ignore_errors=True)
        target.replace(old)
    if not target.exists():
        temporary.replace(target)
    shutil.rmtree(old, ignore_errors=True)
