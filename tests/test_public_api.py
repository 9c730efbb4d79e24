"""The public names: all there, all documented, none by accident."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from importlib import import_module
from importlib.util import find_spec

import pytest

import llmexam

HOMES = llmexam._HOMES


def test_all_names_what_can_be_imported() -> None:
    namespace: dict[str, object] = {}
    exec("from llmexam import *", namespace)
    imported = set(namespace) - {"__builtins__"}
    assert imported == set(llmexam.__all__)
    assert len(imported) > 20


def test_all_is_the_homes_and_the_version() -> None:
    assert len(llmexam.__all__) == len(set(llmexam.__all__))
    assert set(llmexam.__all__) == {*HOMES, "__version__"}
    assert llmexam.__all__ == sorted(llmexam.__all__)


@pytest.mark.parametrize("name", HOMES)
def test_a_home_has_its_name(name: str) -> None:
    assert getattr(llmexam, name) is getattr(import_module(HOMES[name]), name)


@pytest.mark.parametrize("name", HOMES)
def test_a_public_name_is_documented_and_typed(name: str) -> None:
    item = getattr(llmexam, name)
    assert item.__module__.startswith("llmexam.")
    doc = item.__doc__
    assert doc, name
    first = doc.splitlines()[0]
    assert first[0].isupper(), first
    assert first.endswith((".", ":")), first
    if inspect.isfunction(item):
        annotated = set(item.__annotations__)
        assert annotated == {*inspect.signature(item).parameters, "return"}
    elif not issubclass(item, BaseException):
        methods = [m for key, m in vars(item).items() if not key.startswith("_") and callable(m)]
        assert all(inspect.getdoc(method) for method in methods)


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_type_checkers_see_the_same_names() -> None:
    tree = typing.cast(str, inspect.getsource(llmexam))
    block = tree.split("if TYPE_CHECKING:\n", 1)[1].split("\n\n", 1)[0]
    seen = {
        name.strip(): line.split()[1]
        for line in block.splitlines()
        for name in line.split(" import ")[1].split(",")
    }
    assert seen == dict(HOMES)


def test_dir_shows_the_public_names() -> None:
    assert dir(llmexam) == sorted(llmexam.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'read_exams'"):
        _ = llmexam.read_exams
    assert not hasattr(llmexam, "os")


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("numpy", "pydantic", "pyarrow", "torch", "tantivy")
    code = f"import llmexam, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
