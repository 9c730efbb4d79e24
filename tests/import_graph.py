"""Who imports whom: read from the source with `ast`, so that nothing is imported.

Imports inside functions count and are marked as lazy; imports for type checkers alone do not count.
A registry names its modules in texts, which are no imports: it is how families are found without
that anything depends on them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import of a module of the package, or of another package.

    Attributes:
        importer: Full name of the module that imports.
        imported: Full name of the module that is imported.
        line: Where, from 1.
        is_lazy: Whether it stands inside a function.
    """

    importer: str
    imported: str
    line: int
    is_lazy: bool

    def __str__(self) -> str:
        """Return what an error says of it."""
        kind = "imports inside a function" if self.is_lazy else "imports"
        return f"{self.importer}:{self.line} {kind} {self.imported}"


class ImportGraph:
    """All imports of a package.

    Attributes:
        package: Its name.
        modules: The file of each module by its full name.
        imports: All imports, in the order of the files.
    """

    def __init__(self, root: Path) -> None:
        self.package = root.name
        self.modules = {_name_of(path, root): path for path in sorted(root.rglob("*.py"))}
        self.imports = [one for name in self.modules for one in self._read(name)]

    def own(self) -> Iterator[Import]:
        """Yield the imports of the package's own modules."""
        return (one for one in self.imports if one.imported in self.modules)

    def room(self, module: str) -> str:
        """Return the first part of a module's name below the package: `llmexam.lm` of all there."""
        return ".".join(module.split(".")[:2])

    def folder(self, module: str) -> str:
        """Return the package that a module lies in."""
        is_package = self.modules[module].name == "__init__.py"
        return module if is_package else module.rpartition(".")[0]

    def reached(self, module: str) -> frozenset[str]:
        """Return all that importing a module imports at once, other packages by first name."""
        found: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._at_once.get(name, ())
                # Importing a module imports the packages that it lies in.
                above = name.rpartition(".")[0]
                waiting += [above] if above in self.modules else []
        return frozenset(found)

    @cached_property
    def _at_once(self) -> Mapping[str, set[str]]:
        edges: dict[str, set[str]] = {}
        for one in self.imports:
            if not one.is_lazy:
                edges.setdefault(one.importer, set()).add(one.imported)
        return edges

    def _read(self, name: str) -> Iterator[Import]:
        tree = ast.parse(self.modules[name].read_text(encoding="utf-8"))
        for node, is_lazy in _import_nodes(tree, is_lazy=False):
            for imported in dict.fromkeys(self._targets(node)):
                yield Import(name, imported, node.lineno, is_lazy)

    def _targets(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{name}" for name in names]
            # What is imported may be a module itself.
            names = [name if name in self.modules else module for name in names]
        for name in names:
            yield name if name.split(".")[0] == self.package else name.split(".")[0]


def rings(edges: Iterable[tuple[str, str]]) -> list[frozenset[str]]:
    """Return the groups of nodes that reach one another."""
    after: dict[str, set[str]] = {}
    for start, end in edges:
        if start != end:
            after.setdefault(start, set()).add(end)
    reached = {node: _reached(node, after) for node in after}
    groups = {
        frozenset(other for other in ends if node in reached.get(other, ()))
        for node, ends in reached.items()
        if node in ends
    }
    return sorted(groups, key=sorted)


def _reached(node: str, after: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [*after.get(node, ())]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += after.get(name, ())
    return found


def _import_nodes(
    node: ast.AST, *, is_lazy: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _import_nodes(other, is_lazy=is_lazy)
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield child, is_lazy
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _import_nodes(child, is_lazy=is_lazy or inside)


def _name_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join((root.name, *parts)).removesuffix(".__init__")
