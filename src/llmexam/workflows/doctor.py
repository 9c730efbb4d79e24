"""Look at this machine and this installation, and say what works."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from llmexam.errors import LlmExamError
from llmexam.machine import n_cores

Verdict = Literal["ok", "missing", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        subject: What.
        verdict: "ok"; "missing" where something optional is not there; "problem" else.
        detail: What was found, and what to do where it is not ok.
    """

    subject: str
    verdict: Verdict
    detail: str


def examine() -> list[Check]:
    """Return all checks, in an order to read them in. Uses no network."""
    return [
        Check("llmexam", "ok", f"{version('llmexam')} on Python {platform.python_version()}"),
        _machine(),
        _disk(),
        *_packages(),
        _bundled_model(),
        _offline(),
    ]


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
    hint = "" if enough else ": a run writes scores and a report here; free some space"
    return Check("disk", "ok" if enough else "problem", f"{free:.1f} GB free here{hint}")


def _packages() -> Iterator[Check]:
    for requirement in requires("llmexam") or []:
        name = _name_of(requirement)
        extra = requirement.partition("extra ==")[2].strip(" '\"")
        if extra == "dev":
            continue
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            command = f"pip install 'llmexam[{extra}]'" if extra else "pip install llmexam"
            verdict: Verdict = "missing" if extra else "problem"
            yield Check(name, verdict, f"not installed: {command}")


def _name_of(requirement: str) -> str:
    end = next(
        (i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement)
    )
    return requirement[:end]


def _bundled_model() -> Check:
    try:
        from llmexam.lm.loading import resolve_model

        found = resolve_model("bundled")
    except LlmExamError as error:
        return Check("bundled model", "missing", str(error))
    return Check("bundled model", "ok", str(found.path))


def _offline() -> Check:
    flags = [f"{n}={os.environ[n]}" for n in ("HF_HUB_OFFLINE", "HF_HOME") if n in os.environ]
    detail = ", ".join(flags) or "models by name are looked for in the cache, then on the hub"
    return Check("model hub", "ok", detail)
