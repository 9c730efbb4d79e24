"""Entry points of installed packages, looked up once for each state of the search path."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path


def entry_points(*, group: str) -> tuple[metadata.EntryPoint, ...]:
    """Return the entry points of a group.

    A look-up reads the metadata of every installed package, some 20 ms, and registries need it
    often. It is repeated when a folder of `sys.path` changes, as an installation does.
    """
    return _entry_points(group, tuple((path, _changed(path)) for path in sys.path))


@lru_cache(maxsize=16)
def _entry_points(
    group: str, search_path: tuple[tuple[str, int], ...]
) -> tuple[metadata.EntryPoint, ...]:
    return tuple(metadata.entry_points(group=group))


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0
