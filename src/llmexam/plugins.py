"""Registries of classes by name, and entry points of installed packages.

Entry points are cached until the module search path changes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

from llmexam.errors import SettingsError, nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """Classes by name: built-in ones, and those of installed packages.

    A built-in class takes precedence over a plug-in of the same name.

    Attributes:
        kind: What the classes are, for error texts, such as `task`.
        group: Group of the entry points of other packages; an entry point has the name of the
            class and points to it.
        base: The class that all of them derive from.
        built_in: `module:Class` by name, imported when the class is looked up.
        field: Key of plans that names one, for error texts.
    """

    kind: str
    group: str
    base: type[T]
    built_in: Mapping[str, str]
    field: str | None = None

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(sorted(self._targets()))

    def find(self, name: str) -> type[T]:
        """Return the class of a name.

        Raises:
            SettingsError: There is no such name, or its object is no class derived from `base`.
        """
        targets = self._targets()
        if name not in targets:
            raise SettingsError(
                f"unknown {self.kind} '{name}'", field=self.field, hint=nearest(name, targets)
            )
        found = load(targets[name])
        if not (isinstance(found, type) and issubclass(found, self.base)):
            raise SettingsError(
                f"expected a class derived from {self.base.__module__}.{self.base.__qualname__} "
                f"for the {self.kind} '{name}', got {targets[name]}",
                field=self.field,
            )
        return found

    def _targets(self) -> dict[str, str]:
        outside = {point.name: point.value for point in entry_points(group=self.group)}
        return {**outside, **self.built_in}


def load(target: str) -> Any:
    """Return the object that `module:name` stands for."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


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
