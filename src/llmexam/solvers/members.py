"""What solvers have in common that ask others."""

from __future__ import annotations

from collections.abc import Mapping

from llmexam.solvers.protocol import Solver


def usage_of_members(members: Mapping[str, Solver]) -> str:
    """Return what members have used so far beside time, in words, or nothing.

    Args:
        members: The solvers, by what they are called; one that has two names is told once.
    """
    names = {id(member): name for name, member in reversed(list(members.items()))}
    told = {
        name: str(getattr(member, "usage", ""))
        for name, member in members.items()
        if names[id(member)] == name
    }
    return " | ".join(f"{name}: {usage}" for name, usage in told.items() if usage)
