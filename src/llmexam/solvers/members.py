"""What solvers have in common that use the scores of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmexam.solvers.protocol import Solver, Usage


@dataclass(frozen=True)
class MembersUsage:
    """What members have used so far beside time, by what they are called."""

    usages: Mapping[str, Usage]

    def __str__(self) -> str:
        """Return the usages that are not empty."""
        shown = {name: str(usage) for name, usage in self.usages.items()}
        return " | ".join(f"{name}: {usage}" for name, usage in shown.items() if usage)

    def since(self, earlier: MembersUsage) -> MembersUsage:
        """Return what came after an earlier usage."""
        return MembersUsage(
            {name: usage.since(earlier.usages[name]) for name, usage in self.usages.items()}
        )


def usage_of_members(members: Mapping[str, Solver]) -> MembersUsage:
    """Return what members have used so far beside time.

    Args:
        members: The solvers by name; one with two names is counted once, under the first.
    """
    first_names = {id(member): name for name, member in reversed(list(members.items()))}
    return MembersUsage(
        {name: member.used() for name, member in members.items() if first_names[id(member)] == name}
    )
