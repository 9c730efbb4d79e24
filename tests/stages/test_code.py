"""Which modules and data files the code hash of a stage covers."""

import sys

import pytest

from llmexam.stages import code
from llmexam.stages.code import code_hash, modules_behind


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes modules into a package called llmexam, with a fresh cache."""
    monkeypatch.setattr(code, "_ROOT", tmp_path)
    cached = (
        *(code._code_hash, code._modules_behind, code._imports_of, code._file_of, code._hash),
        *(code._data_beside, code._all_modules),
    )

    def forget():
        for one in cached:
            one.cache_clear()

    def write(**texts):
        forget()
        for name, text in texts.items():
            path = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(text)

    yield write
    forget()


def behind(name):
    return {found.removeprefix("llmexam.") for found in modules_behind([f"llmexam.{name}"])}


def test_imports_count_directly_lazily_and_through_others(package):
    package(
        a="from llmexam import b\nimport llmexam.room.c\n\ndef f():\n    from llmexam.d import x\n",
        b="",
        room__c="from llmexam.e import y",
        d="x = 1",
        e="try:\n    from llmexam.g import z\nexcept ImportError:\n    z = 0",
        g="",
        h="from llmexam import a",
    )
    assert behind("a") == {"llmexam", "a", "b", "room.c", "d", "e", "g"}


def test_what_a_package_imports_in_its_init_counts(package):
    package(a="from llmexam.room import read", room__b="def read(): ...", c="")
    assert behind("a") == {"a", "room"}
    package(a="from llmexam.room import read")
    (code._ROOT / "room" / "__init__.py").write_text("from llmexam.room.b import read as read")
    assert behind("a") == {"a", "room", "room.b"}
    (code._ROOT / "room" / "__init__.py").write_text("from .b import read as read")
    package()
    assert behind("a") == {"a", "room", "room.b"}


def test_imports_for_type_checkers_do_not_count(package):
    package(
        a="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from llmexam.b import X\n"
        "else:\n    from llmexam.c import X",
        b="X = 1",
        c="X = 2",
    )
    assert behind("a") == {"a", "c"}


def test_what_a_package_loads_by_getattr_counts(package):
    """Such a package names its modules for type checkers, and imports them when they are used."""
    package(a="from llmexam.face import load", face__engine="from llmexam.b import c", b="c = 1")
    face = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from llmexam.face.engine import load as load\n"
    )
    (code._ROOT / "face" / "__init__.py").write_text(f"{face}\ndef __getattr__(name): ...\n")
    assert behind("a") == {"a", "face", "face.engine", "b"}


def test_the_hash_changes_with_each_module_behind_and_with_no_other(package):
    texts = {"a": "from llmexam.b import x", "b": "from llmexam.c import x", "c": "x = 1"}
    package(**texts, other="y = 1")
    before = code_hash("llmexam.a")
    package(other="y = 2")
    assert code_hash("llmexam.a") == before
    for name in texts:
        package(**texts)
        package(**{name: texts[name] + "\n# a change"})
        assert code_hash("llmexam.a") != before, name
    package(**texts)
    assert code_hash("llmexam.a") == before


def test_data_files_of_a_package_count(package):
    package(room__a="x = 1", other__b="")
    before = code_hash("llmexam.room.a")
    folder = code._ROOT / "room" / "templates"
    folder.mkdir()
    (folder / "letters.yaml").write_text("a: 1")
    (code._ROOT / "other" / "data.yaml").write_text("a: 1")
    package()
    with_template = code_hash("llmexam.room.a")
    assert with_template != before
    (code._ROOT / "other" / "data.yaml").write_text("a: 2")
    package()
    assert code_hash("llmexam.room.a") == with_template
    (folder / "letters.yaml").write_text("a: 2")
    package()
    assert code_hash("llmexam.room.a") != with_template


def test_help_texts_of_commands_are_behind_no_solver():
    for name in ("llmexam.solvers.lexical.solver", "llmexam.solvers.causal_lm.solver"):
        found = modules_behind([name])
        assert not [one for one in found if one.startswith(("llmexam.cli", "llmexam.report"))]


def test_the_decoder_engine_is_behind_the_solver_that_uses_it():
    found = modules_behind(["llmexam.solvers.causal_lm.solver"])
    for module in ("model", "scorer", "attention", "batches", "streaming.scorer"):
        assert f"llmexam.lm.decoder.{module}" in found


def test_modules_of_an_installed_package_count(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    room = tmp_path / "outside_package"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "solver.py").write_text("from .words import split\nfrom llmexam.exam import exam\n")
    (room / "words.py").write_text("import json\n\ndef split(): ...\n")
    found = modules_behind(["outside_package.solver"])
    assert {"outside_package.solver", "outside_package.words", "llmexam.exam.exam"} <= found
    assert not [one for one in found if one.startswith("json")]
    before = code_hash("outside_package.solver")
    (room / "words.py").write_text("def split(): return 1\n")
    for one in (code._code_hash, code._modules_behind, code._imports_of, code._file_of, code._hash):
        one.cache_clear()
    assert code_hash("outside_package.solver") != before
    assert "outside_package" not in sys.modules


def test_a_single_module_and_one_without_a_file_can_be_keyed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "outside_module.py").write_text("from llmexam.exam import question\n")
    assert "llmexam.exam.question" in modules_behind(["outside_module"])
    assert code_hash("a_module_that_is_nowhere") == code_hash("another_one")


def test_no_module_means_all_of_llmexam(package):
    package(a="", b="")
    before = code_hash()
    package(b="x = 1")
    assert code_hash() != before
