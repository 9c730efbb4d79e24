"""Checks of the files of a sparse index, and errors of tantivy about damage as ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmexam.errors import CorruptIndexError
from llmexam.evidence.index.checksums import check_checksums
from llmexam.evidence.index.files import REBUILD, damage

DATA = "tantivy"
"""Name of the folder with the files of tantivy."""


def check_files(folder: Path, *, whole: bool = False, n_parts: int = 1) -> None:
    """Check the files of an index, in little time unless `whole`.

    Args:
        folder: The index.
        whole: Whether to check all bytes.
        n_parts: Number of such indexes that are opened together.

    Raises:
        CorruptIndexError: A file is damaged or missing.
    """
    has_checksums = check_checksums(folder, whole=whole, share=1 / n_parts)
    limits: dict[str, int] = {}
    if whole or has_checksums:
        limits["checked_bytes"] = sys.maxsize if whole else 0
    problem = damage(folder / DATA, **limits)
    if problem is not None:
        raise problem


@contextmanager
def as_corrupt(folder: Path) -> Iterator[None]:
    """Turn errors of tantivy about damaged files into `CorruptIndexError`."""
    try:
        yield
    except BaseException as error:
        # Some damage makes tantivy (Rust) panic. pyo3's PanicException derives from
        # BaseException and cannot be imported, hence the comparison by name.
        if not isinstance(error, ValueError | OSError) and type(error).__name__ != "PanicException":
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorruptIndexError(
            f"cannot read the index: {reason}", file=folder, hint=REBUILD
        ) from None
