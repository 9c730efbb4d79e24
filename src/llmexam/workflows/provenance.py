"""Where a result comes from: versions, and the hash of the code itself."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import llmexam
from llmexam.exam.exam import Exam
from llmexam.storage.hashing import hash_file, hash_json

_PACKAGES = ("llmexam", "numpy", "tantivy", "pyarrow")
_MODEL_PACKAGES = ("torch", "transformers", "faiss-cpu", "lightgbm")


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages any result may depend on."""
    return {"python": platform.python_version(), **_versions(_PACKAGES)}


def model_versions() -> dict[str, str]:
    """Return the versions of the packages that the result of a model may depend on."""
    return _versions(_MODEL_PACKAGES)


def origin_version(distribution: str) -> str:
    """Return the version of the distribution that a solver comes from, or nothing."""
    return _versions([distribution]).get(distribution, "")


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def code_hash() -> str:
    """Return a SHA-256 over all source files of llmexam, so that changed code is noticed."""
    root = Path(llmexam.__file__).parent
    files = sorted(root.rglob("*.py"))
    return hash_json([[path.relative_to(root).as_posix(), hash_file(path)] for path in files])


@cache
def git_commit() -> str:
    """Return the git commit of the source checkout, with "+" if it was changed, or nothing."""
    root = Path(llmexam.__file__).resolve().parent
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


def describe_run(exam: Exam) -> dict[str, str]:
    """Return what a report says of where a result comes from: label and value."""
    versions = {**installed_versions(), **model_versions()}
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "exam": exam.source,
        "exam file SHA-256": exam.source_hash,
        "questions and evidence SHA-256": exam.content_hash,
        "code SHA-256": code_hash(),
        "git commit": git_commit(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
    }
    return {label: value for label, value in facts.items() if value}
