"""Hash of the code that a stage depends on, so that other code changes keep cached results."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from llmexam.storage.hashing import hash_file, hash_json

_PACKAGE = "llmexam"
_ROOT = Path(__file__).parents[1]


def code_hash(*modules: str) -> str:
    """Return a SHA-256 over modules and everything that they import, directly or indirectly.

    Imports inside functions and by a package's `__getattr__` are included; imports under
    `TYPE_CHECKING` are not. For an installed package, the modules of the same package and those of
    llmexam are included; add the versions of further packages to the key. Data files beside
    a module, such as templates, are included.

    Args:
        modules: Full names, such as `llmexam.solvers.lexical.solver`; all of llmexam if none.
    """
    return _code_hash(modules)


@cache
def _code_hash(modules: tuple[str, ...]) -> str:
    names = modules_behind(modules) if modules else _all_modules()
    paths = {name: path for name in names if (path := _file_of(name)) is not None}
    data = {file for path in paths.values() for file in _data_beside(path)}
    return hash_json(
        [[name, _hash(path)] for name, path in sorted(paths.items())]
        + [[file.relative_to(_ROOT).as_posix(), _hash(file)] for file in sorted(data)]
    )


def modules_behind(modules: Iterable[str]) -> frozenset[str]:
    """Return modules and everything that they import, directly or indirectly.

    Modules of llmexam are followed, and those of the packages that are named.
    """
    return _modules_behind(tuple(modules))


@cache
def _modules_behind(modules: tuple[str, ...]) -> frozenset[str]:
    waiting = list(modules)
    followed = {_PACKAGE, *(_top_of(name) for name in waiting)}
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found and _top_of(name) in followed and _file_of(name) is not None:
            found.add(name)
            waiting += _imports_of(name)
    return frozenset(found)


@cache
def _imports_of(name: str) -> tuple[str, ...]:
    path = _file_of(name)
    assert path is not None
    if path.suffix != ".py":
        return ()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # A package with `__getattr__` lists its lazy imports under TYPE_CHECKING, so these count.
    is_lazy = any(
        isinstance(one, ast.FunctionDef) and one.name == "__getattr__" for one in tree.body
    )
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(_imported(tree, package, for_checkers=is_lazy))


def _imported(node: ast.AST, package: str, *, for_checkers: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in (*(child.body if for_checkers else ()), *child.orelse):
                yield from _imported(ast.Module([other], []), package, for_checkers=for_checkers)
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            module = _absolute(child, package)
            yield module
            # What is imported may be a module itself.
            yield from (f"{module}.{alias.name}" for alias in child.names)
        else:
            yield from _imported(child, package, for_checkers=for_checkers)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


@cache
def _file_of(name: str) -> Path | None:
    top, *parts = name.split(".")
    if not parts and top != _PACKAGE:
        return _origin_of(top)
    root = _folder_of(top)
    if root is None:
        return None
    for path in (root.joinpath(*parts, "__init__.py"), root.joinpath(*parts).with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _origin_of(top: str) -> Path | None:
    """Return the file of a module or package at the top, such as a plug-in's."""
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None and top not in sys.modules:
        spec = find_spec(top)
        file = spec.origin if spec is not None and spec.has_location else None
    return Path(file) if file else None


def _folder_of(top: str) -> Path | None:
    if top == _PACKAGE:
        return _ROOT
    origin = _origin_of(top)
    return origin.parent if origin is not None and origin.name == "__init__.py" else None


@cache
def _data_beside(path: Path) -> tuple[Path, ...]:
    """Return the data files of a package of llmexam: those beside a module, and in data folders."""
    if not path.is_relative_to(_ROOT) or path.parent == _ROOT:
        return ()
    folders = [path.parent]
    files: list[Path] = []
    while folders:
        for entry in sorted(folders.pop().iterdir()):
            if entry.name.startswith((".", "__")):
                continue
            if entry.is_dir() and not (entry / "__init__.py").exists():
                folders.append(entry)
            elif entry.is_file() and entry.suffix not in (".py", ".pyc"):
                files.append(entry)
    return tuple(files)


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


def _top_of(name: str) -> str:
    return name.partition(".")[0]
