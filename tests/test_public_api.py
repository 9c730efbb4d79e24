"""The public names: all there, all documented, none by accident."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import typing
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import llmexam
from llmexam.solvers.registry import solver_class, solver_entries

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


def test_a_home_has_its_name() -> None:
    for name, home in HOMES.items():
        module, _, attribute = home.partition(":")
        assert getattr(llmexam, name) is getattr(import_module(module), attribute or name), name


def test_public_names_are_documented_and_typed() -> None:
    for name in HOMES:
        check_documented(name)


def check_documented(name: str) -> None:
    item = getattr(llmexam, name)
    assert item.__module__.startswith("llmexam."), name
    doc = item.__doc__
    assert doc, name
    first = doc.splitlines()[0]
    assert first[0].isupper(), first
    assert first.endswith((".", ":")), first
    if inspect.isfunction(item):
        annotated = set(item.__annotations__)
        assert annotated == {*inspect.signature(item).parameters, "return"}, name
    elif not issubclass(item, BaseException):
        methods = [m for key, m in vars(item).items() if not key.startswith("_") and callable(m)]
        assert all(inspect.getdoc(method) for method in methods), name


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(inspect.getsource(llmexam))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            target = f"{node.module}:{alias.name}" if alias.asname else node.module
            seen[alias.asname or alias.name] = target
    assert seen == dict(HOMES)


def test_dir_shows_the_public_names() -> None:
    assert dir(llmexam) == sorted(llmexam.__all__)


def test_every_field_in_the_reference_is_described() -> None:
    generate = pytest.importorskip("generate")
    page = generate.render_api()
    blank = [line for line in page.splitlines() if line.startswith("| `") and line.endswith("| |")]
    assert blank == []
    assert "| `difference` | `Estimate` | a - b, with a paired bootstrap interval. |" in page
    assert "| `subset(indices)` | Return an exam" in page


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'read_exams'"):
        _ = llmexam.read_exams
    assert not hasattr(llmexam, "os")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("evaluate_scores", "evaluate"),
        ("evaluate_rankings", "evaluate"),
        ("compare_results", "compare"),
        ("run_plan", "run"),
        ("train_recipe", "train"),
    ],
)
def test_a_renamed_function_names_the_new_one(old: str, new: str) -> None:
    with pytest.raises(AttributeError, match=f"'{old}': it is called '{new}' now"):
        getattr(llmexam, old)
    assert new in llmexam.__all__


def test_what_functions_return_is_exported() -> None:
    """Every class of this package in the return type of a public function has a public name."""
    returned = set()
    for name in HOMES:
        item = getattr(llmexam, name)
        if inspect.isfunction(item):
            returned |= _classes_in(typing.get_type_hints(item)["return"])
    assert {llmexam.Evaluation, llmexam.FullComparison, llmexam.ScoreMatrix} <= returned
    public = {getattr(llmexam, name) for name in llmexam.__all__}
    assert {one.__name__ for one in returned - public} == set()


def _classes_in(annotation: object) -> set[type]:
    inner = typing.get_args(annotation)
    if inner:
        return {one for part in inner for one in _classes_in(part)}
    ours = isinstance(annotation, type) and annotation.__module__.startswith("llmexam.")
    return {typing.cast(type, annotation)} if ours else set()


BUILT_IN = [name for name, entry in solver_entries().items() if entry.origin == "llmexam"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_solver_class_is_public_and_made_from_keywords(name: str) -> None:
    if entry := solver_entries()[name].package:
        pytest.importorskip(entry)
    made: typing.Any = solver_class(name)
    assert getattr(llmexam, made.__name__) is made
    assert issubclass(made, llmexam.BaseSolver)
    with pytest.raises(llmexam.SettingsError, match=f"{made.__name__} has no setting 'no_such'"):
        made(no_such=1)
    with pytest.raises(llmexam.SettingsError, match=f"expected {made.settings_class.__name__}"):
        made(_OtherSettings())


class _OtherSettings(llmexam.Settings):
    """Settings of no solver."""


def test_keywords_and_a_settings_object_make_the_same_solver() -> None:
    by_keyword = llmexam.LexicalSolver(reach=6)
    by_object = llmexam.LexicalSolver(by_keyword.settings)
    by_name = llmexam.create_solver("lexical", {"reach": 6})
    assert by_keyword.settings == by_object.settings == by_name.settings
    assert by_keyword.settings.reach == 6
    assert llmexam.LexicalSolver().settings == llmexam.create_solver("lexical").settings


def test_a_wrong_keyword_names_the_nearest_and_a_wrong_value_the_bound() -> None:
    with pytest.raises(llmexam.SettingsError, match="Did you mean 'reach'"):
        llmexam.LexicalSolver(reech=6)
    with pytest.raises(llmexam.SettingsError, match="greater than 0"):
        llmexam.LexicalSolver(reach=-1)
    with pytest.raises(llmexam.SettingsError, match="got both"):
        llmexam.LexicalSolver(llmexam.LexicalSolver().settings, reach=6)


def test_from_an_exam_to_a_comparison_with_public_names_only(tmp_path: Path) -> None:
    exam = llmexam.read_exam("bundled").subset(range(12))
    summary = llmexam.build_index("bundled", tmp_path / "index")
    assert summary.n_passages > 400
    by_index = llmexam.retrieve(exam, tmp_path / "index", k=3)
    by_corpus = llmexam.retrieve(exam, "bundled", k=3)
    assert by_index.content_hash == by_corpus.content_hash
    assert max(len(question.passages) for question in by_index) == 3
    scores = llmexam.solve(by_index, llmexam.LexicalSolver(reach=6))
    same = llmexam.solve(exam, "lexical", {"reach": 6}, indexes=[tmp_path / "index"], k=3)
    assert scores.question_ids == same.question_ids
    assert np.array_equal(scores.values, same.values, equal_nan=True)
    llmexam.write_scores(tmp_path / "scores.parquet", scores)
    by_file = llmexam.evaluate(exam, tmp_path / "scores.parquet", name="lexical")
    assert by_file.primary == llmexam.evaluate(exam, scores).primary
    versus = llmexam.compare(exam, scores, llmexam.solve(exam, "longest"))
    assert isinstance(versus, llmexam.Comparison)


def test_settings_beside_a_solver_are_refused() -> None:
    exam = llmexam.read_exam("bundled").subset(range(2))
    with pytest.raises(llmexam.SettingsError, match="settings with a LongestSolver"):
        llmexam.solve(exam, llmexam.LongestSolver(), {"unit": "words"})


def test_a_wrong_source_of_evidence_is_an_error() -> None:
    exam = llmexam.read_exam("bundled").subset(range(2))
    with pytest.raises(
        llmexam.LlmExamError, match=r"file or folder not found|not an index|file not found"
    ):
        llmexam.retrieve(exam, "nowhere")
    with pytest.raises(llmexam.SettingsError, match="expected one of dense, sparse"):
        llmexam.retrieve(exam, "bundled", kinds=["spares"])
    with pytest.raises(llmexam.SettingsError, match="none of the indexes is dense"):
        llmexam.retrieve(exam, "bundled", model="some/model")


def test_a_plan_may_be_a_mapping(tmp_path: Path) -> None:
    plan = {"exam": "bundled", "solvers": ["first", "longest"]}
    content = llmexam.run(plan, tmp_path / "run")
    assert isinstance(content, llmexam.RunContent)
    assert (tmp_path / "run" / "report.html").is_file()


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("numpy", "pydantic", "pyarrow", "torch", "tantivy")
    code = f"import llmexam, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
