"""What import-linter cannot see: sizes of rooms, and what a bare import brings in."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "llmexam"
MODULES = sorted(SOURCE.rglob("*.py"))


def test_the_search_found_the_modules():
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_no_module_outgrows_its_room(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert path.stem not in {"utils", "helpers", "common", "misc", "core", "manager"}
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    # From the first statement: the options of a command are a table, not a thing to follow.
    long = [f.name for f in functions if f.end_lineno - f.body[0].lineno > 70]
    assert long == []


def loaded_by(code):
    program = f"{code}\nimport sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_help_imports_nothing_heavy():
    heavy = {"torch", "transformers", "numpy", "pydantic", "pyarrow", "tantivy", "faiss", "yaml"}
    assert loaded_by("import llmexam.cli.app") & heavy == set()
    assert loaded_by("import llmexam") & heavy == set()


def test_grading_and_word_matching_import_no_deep_learning():
    code = (
        "import llmexam as lx; from llmexam.testing import example_questions\n"
        "lx.solve(lx.Exam(tuple(example_questions())), 'lexical')\n"
        "import llmexam.workflows.run.pipeline, llmexam.workflows.evaluate"
    )
    assert loaded_by(code) & {"torch", "transformers", "sentence_transformers", "faiss"} == set()
