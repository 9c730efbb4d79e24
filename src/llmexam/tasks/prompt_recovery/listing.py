"""The recoverers as a user sees them."""

from __future__ import annotations

from importlib.util import find_spec
from inspect import getdoc

from llmexam.recovery.recoverers.registry import recoverer_class, recoverer_names
from llmexam.tasks.capabilities import SolverInfo, describe_settings


def list_recoverers() -> list[SolverInfo]:
    """Return all recoverers, built in and installed, in the order of their names."""
    found = []
    for name in recoverer_names():
        kind = recoverer_class(name)
        ready = not kind.package or find_spec(kind.package) is not None
        found.append(
            SolverInfo(
                name=name,
                summary=_summary(kind),
                uses_evidence=False,
                needs=kind.extra,
                ready=ready,
                origin=kind.__module__.partition(".")[0],
                settings=describe_settings(kind.settings_class),
                task="prompt-recovery",
                is_fitted=kind.is_fitted,
            )
        )
    return found


def _summary(kind: type) -> str:
    """Return the first line of a class's docstring as others stand in the list."""
    line = (getdoc(kind) or "").split("\n\n")[0].replace("\n", " ").rstrip(".")
    return line[:1].lower() + line[1:]
