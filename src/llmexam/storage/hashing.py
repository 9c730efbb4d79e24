"""Content hashes: SHA-256 of files and of canonical JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from llmexam.storage.temporary import is_temporary


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits. Reads it as a stream."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_folder(folder: Path) -> str:
    """Return the SHA-256 of all files in a folder and their relative paths, without lock files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hash_json(
        [
            [f.relative_to(folder).as_posix(), hash_file(f)]
            for f in files
            if f.suffix != ".lock" and not is_temporary(f)
        ]
    )


def hash_json(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON: sorted keys, no spaces, UTF-8.

    >>> hash_json({"b": 1, "a": 2}) == hash_json({"a": 2, "b": 1})
    True
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
