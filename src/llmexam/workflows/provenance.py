"""Where a result comes from: versions, and the hash of the code itself."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import llmexam
from llmexam.storage.hashing import hash_file, hash_json

_PACKAGES = (
    "llmexam",
    "numpy",
    "tantivy",
    "pyarrow",
    "torch",
    "transformers",
    "sentence-transformers",
    "faiss-cpu",
)


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages a result may depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
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
