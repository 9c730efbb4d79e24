"""List the available solvers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from llmexam.errors import MissingDependencyError
from llmexam.solvers.registry import solver_class, solver_entries


@dataclass(frozen=True, slots=True)
class SolverInfo:
    """Name, description and requirements of a solver.

    Attributes:
        name: Its name.
        summary: What it does, in one line.
        uses_evidence: Whether it reads passages.
        needs: The extra that installs what it needs, or empty.
        ready: Whether that is installed.
        origin: The distribution it comes from.
        settings: From setting to its default and description; empty where it is not ready.
    """

    name: str
    summary: str
    uses_evidence: bool
    needs: str
    ready: bool
    origin: str
    settings: dict[str, dict[str, Any]]


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
        schema = solver_class(name).settings_class.model_json_schema()
        defaults = solver_class(name).settings_class.model_construct().model_dump(mode="json")
    except MissingDependencyError:
        return {}
    return {
        key: {
            "default": defaults.get(key),
            "description": field.get("description", ""),
        }
        for key, field in schema.get("properties", {}).items()
    }
