"""The solvers of multiple choice as a user sees them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from llmexam.errors import MissingDependencyError
from llmexam.solvers.registry import solver_class, solver_entries
from llmexam.tasks.capabilities import SolverInfo, describe_settings


def list_solvers() -> list[SolverInfo]:
    """Return all solvers, built-in and from plug-ins, sorted by name."""
    found = []
    for name, entry in sorted(solver_entries().items()):
        ready = not entry.package or find_spec(entry.package) is not None
        found.append(
            SolverInfo(
                name=name,
                summary=entry.summary,
                uses_evidence=entry.uses_evidence,
                needs=entry.extra,
                ready=ready,
                origin=entry.origin,
                settings=_settings(name) if ready else {},
            )
        )
    return found


def _settings(name: str) -> dict[str, dict[str, Any]]:
    try:
        return describe_settings(solver_class(name).settings_class)
    except MissingDependencyError:
        return {}
