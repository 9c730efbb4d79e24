"""Where a result comes from: versions, and the hash of the code itself."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
    root = Path(__file__).parents[1]
    files = sorted(root.rglob("*.py"))
    return hash_json([[path.relative_to(root).as_posix(), hash_file(path)] for path in files])
