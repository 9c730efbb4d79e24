"""Versions of installed packages that a result may depend on."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from llmexam.plugins import distributions_of

_PACKAGES = ("llmexam", "numpy", "tantivy", "pyarrow")
_MODEL_PACKAGES = ("torch", "transformers", "faiss-cpu", "lightgbm")


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages any result may depend on."""
    return {"python": platform.python_version(), **_versions(_PACKAGES)}


def model_versions() -> dict[str, str]:
    """Return the versions of the packages that the result of a model may depend on."""
    return _versions(_MODEL_PACKAGES)


def origin_versions(module: str) -> dict[str, str]:
    """Return the versions of the distributions that a module of an outside package comes from."""
    top = module.partition(".")[0]
    return {} if top == "llmexam" else _versions(distributions_of(top))


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {package: _version(package) for package in packages}
    return {package: version for package, version in found.items() if version is not None}


@cache
def _version(package: str) -> str | None:
    """Return the version, looked up once in a process: what is imported stays as it is."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
