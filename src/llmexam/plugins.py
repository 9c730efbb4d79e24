"""Entry points of installed packages, cached until the module search path changes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path


def entry_points(*, group: str) -> tuple[metadata.EntryPoint, ...]:
    """Return the entry points of a group.

    A look-up reads the metadata of every installed package, some 20 ms, and registries need it
    often. It is repeated when a folder of `sys.path` changes, as an installation does.
    """
    return _entry_points(group, _search_path())


def distributions_of(package: str) -> tuple[str, ...]:
    """Return the names of the distributions that an importable top-level package comes from.

    The first look-up lists the files of every installed distribution, which takes a second.
    """
    return tuple(_distributions(_search_path()).get(package, ()))


_SearchPath = tuple[tuple[str, int], ...]


def _search_path() -> _SearchPath:
    return tuple((path, _changed(path)) for path in sys.path)


@lru_cache(maxsize=16)
def _entry_points(group: str, search_path: _SearchPath) -> tuple[metadata.EntryPoint, ...]:
    return tuple(metadata.entry_points(group=group))


@lru_cache(maxsize=2)
def _distributions(search_path: _SearchPath) -> Mapping[str, Sequence[str]]:
    return metadata.packages_distributions()


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0
