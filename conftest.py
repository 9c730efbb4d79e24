"""Skip the tests of optional parts where their extra is not installed, and say so.

A room of the package that needs an extra is named here once; its tests and doctests are then
skipped as a whole, with a reason. A single test that needs an extra is marked:
`@pytest.mark.needs("encoders")`.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

from llmexam.workflows.doctor import packages_by_extra

ROOT = Path(__file__).resolve().parent

# Folders and files, relative to `tests/` or to `src/llmexam/`, and the extra they need.
ROOMS = {
    "collecting/apis": "collect",
    "lm": "encoders",
    "lm/keras_models": "keras",
    "solvers/keras_choice": "keras",
    "training/keras_base": "keras",
    "training/keras_choice": "keras",
    "training/keras_recoverer": "keras",
    "training": "train",
    "solvers/bi_encoder": "encoders",
    "solvers/causal_lm": "encoders",
    "solvers/cross_encoder": "encoders",
    "solvers/multiple_choice": "encoders",
    "solvers/ranker": "train",
    "solvers/served": "openai",
    "tracking": "track",
    "collecting/wikipedia": "wiki",
    "evidence/index/test_dense.py": "encoders",
    "evidence/index/test_dense_parts.py": "encoders",
    "cli/test_collect_apis.py": "collect",
    "cli/test_collect_wikipedia.py": "wiki",
    "cli/test_recover.py": "encoders",
    "cli/test_train.py": "train",
    "authoring/generators/language_model/test_models.py": "encoders",
    "authoring/generators/language_model/test_endpoint.py": "openai",
    "generation/test_endpoint.py": "openai",
    "generation/test_local.py": "encoders",
    "recovery/making/test_endpoint.py": "openai",
    "recovery/making/test_local.py": "encoders",
    "recovery/metrics": "encoders",
    "recovery/test_likelihood.py": "encoders",
    "recovery/recoverers/test_prompted.py": "encoders",
    "recovery/test_prompting.py": "encoders",
    "recovery/recoverers/test_combination.py": "encoders",
    "recovery/recoverers/test_contract.py": "encoders",
    "recovery/recoverers/test_fine_tuned.py": "encoders",
    "recovery/recoverers/test_served.py": "openai",
    "recovery/ranking": "encoders",
    "recovery/recoverers/test_bank_ranker.py": "encoders",
    "recovery/test_embeddings.py": "encoders",
    "recovery/test_estimates.py": "encoders",
    "tasks/prompt_recovery": "encoders",
    "test_docs.py": "train",
    "test_kept_results.py": "train",
    "solvers/test_option_pairs.py": "encoders",
    "workflows/estimate": "encoders",
    "web": "serve",
    "workflows/train": "train",
    "workflows/test_export.py": "export",
}


class Skipped(pytest.File):
    """A folder or file whose tests are skipped; pytest loads no `conftest.py` of such a folder."""

    reason = ""

    def collect(self) -> Iterator[pytest.Item]:
        """Skip instead of collecting."""
        pytest.skip(self.reason, allow_module_level=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import all modules without garbage collections, which find nothing and take seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        # What was imported stays, so that later collections need not look at it.
        gc.freeze()
        gc.enable()


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Skip a folder that needs an extra which is not installed."""
    return _skipped(path, parent)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Skip a file that needs an extra which is not installed; read no docstrings of tests."""
    # A wrapper, because pytest collects a file in every way that a hook returns.
    found = yield
    if (skipped := _skipped(file_path, parent)) is not None:
        return [skipped]
    if file_path.is_relative_to(ROOT / "tests") or not _has_examples(file_path):
        # Tests have no examples in docstrings, and looking for them imports the module.
        return [one for one in found if not isinstance(one, DoctestModule)]
    return found


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that is marked as needing an extra which is not installed."""
    for marker in item.iter_markers("needs"):
        if reason := _missing(marker.args[0]):
            pytest.skip(reason)


def _has_examples(path: Path) -> bool:
    return path.suffix == ".py" and ">>> " in path.read_text(encoding="utf-8")


def _skipped(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    for room in ("tests", "src/llmexam"):
        if not path.is_relative_to(ROOT / room):
            continue
        extra = ROOMS.get(path.relative_to(ROOT / room).as_posix())
        if extra is not None and (reason := _missing(extra)):
            found: Skipped = Skipped.from_parent(parent, path=path)
            found.reason = f"{path.relative_to(ROOT)} {reason}"
            return found
    return None


@cache
def _missing(extra: str) -> str:
    """Return why an extra cannot be used, or an empty string."""
    for package in packages_by_extra(requires("llmexam") or [])[extra]:
        try:
            version(package)
        except PackageNotFoundError:
            return f"needs {package}: pip install 'llmexam[{extra}]'"
    return ""
