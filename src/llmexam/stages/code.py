"""Hashes of the code that a stage depends on, so that a changed help text keeps results."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from llmexam.storage.hashing import hash_file, hash_json

_PACKAGE = "llmexam"
_ROOT = Path(__file__).parents[1]


def code_hash(*modules: str) -> str:
    """Return a SHA-256 over some modules and all modules of llmexam that they import.

    Imports inside functions count, imports for type checkers alone do not. A module of another
    package counts by its own file; its version belongs into the key as well.

    Args:
        modules: Full names, such as `llmexam.solvers.lexical.solver`; all of llmexam if none.
    """
    names = modules_behind(modules) if modules else _all_modules()
    outside = [name for name in modules if not _is_ours(name)]
    return hash_json(
        [[name, _hash(path)] for name in sorted(names) if (path := _file_of(name)) is not None]
        + [[name, _hash_outside(name)] for name in sorted(outside)]
    )


def modules_behind(modules: Iterable[str]) -> frozenset[str]:
    """Return the modules of llmexam that some modules import, directly or not, and themselves."""
    found: set[str] = set()
    waiting = [name for name in modules if _is_ours(name)]
    while waiting:
        name = waiting.pop()
        if name not in found and _file_of(name) is not None:
            found.add(name)
            waiting += _imports_of(name)
    return frozenset(found)


@cache
def _imports_of(name: str) -> tuple[str, ...]:
    path = _file_of(name)
    assert path is not None
    return tuple(_imported(ast.parse(path.read_text(encoding="utf-8"))))


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from (name for other in child.orelse for name in _imported(other))
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if _is_ours(alias.name))
        elif isinstance(child, ast.ImportFrom) and child.module and _is_ours(child.module):
            yield child.module
            # What is imported may be a module itself.
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _imported(child)


@cache
def _file_of(name: str) -> Path | None:
    parts = name.split(".")[1:]
    for path in (_ROOT.joinpath(*parts, "__init__.py"), _ROOT.joinpath(*parts).with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def _all_modules() -> frozenset[str]:
    return frozenset(
        ".".join((_PACKAGE, *path.relative_to(_ROOT).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for path in _ROOT.rglob("*.py")
    )


@cache
def _hash(path: Path) -> str:
    return hash_file(path)


def _hash_outside(name: str) -> str:
    file = getattr(sys.modules.get(name), "__file__", None)
    return hash_file(Path(file)) if file else ""


def _is_ours(name: str) -> bool:
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")
