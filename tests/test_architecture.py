"""Walls between rooms that import-linter cannot see, sizes, and what a bare import loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median
from textwrap import dedent

import pytest

from import_graph import Import, ImportGraph, rings
from llmexam.solvers.registry import solver_entries
from llmexam.training.registry import _TRAINERS

SOURCE = Path(__file__).resolve().parent.parent / "src" / "llmexam"
MODULES = sorted(SOURCE.rglob("*.py"))
LONGEST_MODULE = 400
LONGEST_FUNCTION = 70
MEDIAN_MODULE = 150

HEAVY = frozenset(
    {
        "faiss",
        "lightgbm",
        "numpy",
        "onnxruntime",
        "openai",
        "openvino",
        "pyarrow",
        "pydantic",
        "sentence_transformers",
        "tantivy",
        "torch",
        "transformers",
        # Its names are loaded when they are first used, and then torch with them.
        "llmexam.lm.decoder",
        # Imports Keras, and so settles its backend.
        "llmexam.lm.keras_models.session",
    }
)
"""What a function-level import may keep out of a program's start."""

# Each of these stands inside a function for another reason than start-up time.
LAZY_IMPORTS = {
    ("llmexam.__main__", "llmexam.cli.app"): "an interrupt while it loads gets its own message",
    ("llmexam.lm.decoder.model", "llmexam.lm.decoder.probe"): (
        "the probe runs the model with the scorer, and the scorer is made of the model"
    ),
    ("llmexam.lm.decoder.probe", "llmexam.lm.decoder.scorer"): "the same ring, from its other side",
    ("llmexam.solvers.prompts.template", "llmexam.solvers.prompts.sandbox"): (
        "only a template needs jinja2, and all solvers import their settings"
    ),
}


@pytest.fixture(scope="module")
def graph() -> ImportGraph:
    return ImportGraph(SOURCE)


def families(registered: Iterator[str]) -> frozenset[str]:
    """Return the packages of the modules in a registry: `llmexam.solvers.lexical` and so on."""
    return frozenset(target.partition(":")[0].rpartition(".")[0] for target in registered)


SOLVER_FAMILIES = families(
    entry.target for entry in solver_entries().values() if entry.origin == "llmexam"
)
TRAINING_FAMILIES = families(entry.target for entry in _TRAINERS.values())


def ring_problems(graph: ImportGraph) -> list[str]:
    """Return rings between rooms, those through function-level imports included."""
    edges = [(graph.room(one.importer), graph.room(one.imported)) for one in graph.own()]
    # The package itself names its rooms for type checkers and loads them by name.
    found = rings((a, b) for a, b in edges if graph.package not in (a, b))
    return [f"rooms import one another: {', '.join(sorted(ring))}" for ring in found]


def family_problems(graph: ImportGraph, families: frozenset[str]) -> list[str]:
    """Return imports of one family by another, wherever they stand."""
    return [str(one) for one in graph.own() if _are_two_families(graph, one, families)]


def _are_two_families(graph: ImportGraph, one: Import, families: frozenset[str]) -> bool:
    ends = {
        family
        for module in (one.importer, one.imported)
        for family in families
        if module == family or module.startswith(f"{family}.")
    }
    return len(ends) == 2


def lazy_problems(
    graph: ImportGraph, allowed: dict[tuple[str, str], str], heavy: frozenset[str]
) -> list[str]:
    """Return function-level imports of the package's own modules that nothing justifies.

    Commands import what they need when they run. Elsewhere such an import must keep a heavy library
    out of the importing module, or stand in the list.
    """
    reached = cache(graph.reached)
    return [
        str(one)
        for one in graph.own()
        if one.is_lazy
        and graph.room(one.importer) != f"{graph.package}.cli"
        and (one.importer, one.imported) not in allowed
        and not (reached(one.imported) - reached(one.importer)) & heavy
    ]


def size_problems(path: Path) -> list[str]:
    """Return what is too large in a module, and names that say nothing."""
    text = path.read_text(encoding="utf-8")
    problems = []
    if len(text.splitlines()) > LONGEST_MODULE:
        problems.append(f"{path.name} has more than {LONGEST_MODULE} lines")
    if path.stem in {"utils", "helpers", "common", "misc", "core", "manager"}:
        problems.append(f"{path.name} does not say what it holds")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # From the first statement: the options of a command are a table.
            n_lines = (node.end_lineno or 0) - node.body[0].lineno
            if n_lines > LONGEST_FUNCTION:
                problems.append(f"{path.name}: {node.name} has {n_lines} lines")
    return problems


def test_the_search_found_the_modules(graph: ImportGraph) -> None:
    assert len(MODULES) > 200
    assert set(graph.modules.values()) == set(MODULES)
    assert len(list(graph.own())) > 1000
    assert len(SOLVER_FAMILIES) >= 9
    assert len(TRAINING_FAMILIES) >= 6
    assert graph.modules.keys() >= (SOLVER_FAMILIES | TRAINING_FAMILIES)


def test_no_room_is_in_a_ring(graph: ImportGraph) -> None:
    assert ring_problems(graph) == []


def test_no_family_imports_another(graph: ImportGraph) -> None:
    assert family_problems(graph, SOLVER_FAMILIES) == []
    assert family_problems(graph, TRAINING_FAMILIES) == []


def test_function_level_imports_have_a_reason(graph: ImportGraph) -> None:
    assert lazy_problems(graph, LAZY_IMPORTS, HEAVY) == []


def test_the_list_of_function_level_imports_is_short_and_true(graph: ImportGraph) -> None:
    there = {(one.importer, one.imported) for one in graph.own() if one.is_lazy}
    assert LAZY_IMPORTS.keys() <= there
    assert len(LAZY_IMPORTS) <= 5


def test_no_module_outgrows_its_room() -> None:
    assert [problem for path in MODULES for problem in size_problems(path)] == []


def test_most_modules_are_small() -> None:
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES]
    assert median(lines) <= MEDIAN_MODULE


@pytest.fixture
def plant(tmp_path: Path):
    """Return a function that writes modules of a package `house` and returns its graph."""

    def write(**texts: str) -> ImportGraph:
        for name, text in texts.items():
            path = tmp_path / "house" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        for folder in {path.parent for path in (tmp_path / "house").rglob("*.py")}:
            (folder / "__init__.py").touch()
        return ImportGraph(tmp_path / "house")

    return write


def test_a_ring_through_a_function_is_found(plant) -> None:
    graph = plant(
        lower__store="""
            def save():
                from house.upper import run
            """,
        upper__run="from house.lower.store import save",
    )
    assert ring_problems(graph) == ["rooms import one another: house.lower, house.upper"]


def test_a_long_ring_is_found_and_one_for_type_checkers_is_none(plant) -> None:
    modules = {
        "a__one": "import house.b.two",
        "b__two": "from house.c import three",
        "c__three": """
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from house.a.one import x
            """,
    }
    assert ring_problems(plant(**modules)) == []
    modules["c__three"] = "class A:\n    def f(self):\n        import house.a.one"
    assert ring_problems(plant(**modules)) == [
        "rooms import one another: house.a, house.b, house.c"
    ]


def test_an_import_of_another_family_is_found_wherever_it_stands(plant) -> None:
    graph = plant(
        solvers__words__solver="import house.solvers.scoring",
        solvers__vectors__solver="""
            def score():
                from house.solvers.words.solver import WordsSolver
            """,
        solvers__scoring="x = 1",
    )
    known = frozenset({"house.solvers.words", "house.solvers.vectors"})
    assert family_problems(graph, known) == [
        "house.solvers.vectors.solver:3 imports inside a function house.solvers.words.solver"
    ]


def test_a_function_level_import_without_a_reason_is_found(plant) -> None:
    modules = {
        "lower__light": "import json",
        "lower__heavy": "import torch",
        "upper__run": """
            def run():
                from house.lower import light
                from house.lower.heavy import load
            """,
        "cli__run": """
            def run():
                from house.upper import run
            """,
    }
    graph = plant(**modules)
    found = "house.upper.run:3 imports inside a function house.lower.light"
    assert lazy_problems(graph, {}, HEAVY) == [found]
    assert lazy_problems(graph, {("house.upper.run", "house.lower.light"): "so"}, HEAVY) == []
    # Loaded at once elsewhere in the module: the import inside the function saves nothing.
    graph = plant(**modules | {"upper__run": "import torch\n" + dedent(modules["upper__run"])})
    assert len(lazy_problems(graph, {}, HEAVY)) == 2


def test_a_large_module_and_a_long_function_are_found(tmp_path: Path) -> None:
    path = tmp_path / "utils.py"
    path.write_text("def f():\n" + "    x = 1\n" * 500, encoding="utf-8")
    assert size_problems(path) == [
        "utils.py has more than 400 lines",
        "utils.py does not say what it holds",
        "utils.py: f has 499 lines",
    ]


def loaded_by(code: str) -> set[str]:
    program = f"{code}\nimport sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "numpy", "pydantic", "pyarrow", "tantivy", "faiss", "yaml"}
    assert loaded_by("import llmexam.cli.app") & heavy == set()
    assert loaded_by("import llmexam") & heavy == set()


def test_grading_and_word_matching_import_no_deep_learning() -> None:
    code = (
        "import llmexam as lx; from llmexam.testing import example_questions\n"
        "lx.solve(lx.Exam(tuple(example_questions())), 'lexical')\n"
        "lx.retrieve(lx.read_exam('bundled').subset([0]), 'bundled')\n"
        "import llmexam.workflows.run.pipeline, llmexam.workflows.evaluate"
    )
    assert loaded_by(code) & {"torch", "transformers", "sentence_transformers", "faiss"} == set()
