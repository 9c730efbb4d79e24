"""`checksums.json` of an index whose files never change: checksums of all of them, by blocks.

The manifest is left out: it has a checksum of its own.
"""

from __future__ import annotations

import json
from pathlib import Path

from llmexam.errors import CorruptIndexError
from llmexam.evidence.index.files import REBUILD, is_passing
from llmexam.evidence.index.manifest import FILE_NAME as MANIFEST
from llmexam.storage.atomic import write_json
from llmexam.storage.checksums import block_checksums, changed_block

FILE_NAME = "checksums.json"


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files of an index."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not is_passing(path))
    write_json(
        folder / FILE_NAME,
        {
            path.relative_to(folder).as_posix(): block_checksums(path)
            for path in files
            if path.name not in (FILE_NAME, MANIFEST) and not path.name.startswith(".")
        },
    )


def check_checksums(folder: Path, *, whole: bool = False, share: float = 1.0) -> bool:
    """Check the files of an index; of large files only a sample of blocks, unless `whole`.

    Args:
        folder: The index.
        whole: Whether to check all blocks.
        share: Share of the usual work, where many such folders are checked.

    Returns:
        Whether there are checksums; indexes of earlier versions of llmexam have none.

    Raises:
        CorruptIndexError: A file has changed or is missing.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return False
    try:
        for name, expected in json.loads(path.read_bytes()).items():
            file = folder / name
            if not _is_file(file):
                raise _corrupt(file, "is missing")
            if changed_block(file, expected, whole=whole, share=share) is not None:
                raise _corrupt(file, "has changed since it was written")
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise _corrupt(path, "is damaged") from None
    return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A damaged list may hold a name that no file can have.
        return False


def _corrupt(path: Path, what: str) -> CorruptIndexError:
    return CorruptIndexError(f"the index is damaged: this file {what}", file=path, hint=REBUILD)
