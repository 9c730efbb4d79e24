"""Usage of the members of solvers such as `cascade` and `ranker`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmexam.solvers.protocol import Solver, Usage


@dataclass(frozen=True)
class MembersUsage:
    """Usage of each member beside time, by name."""

    usages: Mapping[str, Usage]

    def __str__(self) -> str:
        """Return the non-empty usages as text."""
        shown = {name: str(usage) for name, usage in self.usages.items()}
        return " | ".join(f"{name}: {usage}" for name, usage in shown.items() if usage)

    def since(self, earlier: MembersUsage) -> MembersUsage:
        """Return the usage since an earlier one."""
        return MembersUsage(
            {name: usage.since(earlier.usages[name]) for name, usage in self.usages.items()}
        )


def usage_of_members(members: Mapping[str, Solver]) -> MembersUsage:
    """Return the usage of members beside time.

    Args:
        members: The solvers by name; a solver with two names counts once, under the first.
    """
    first_names = {id(member): name for name, member in reversed(list(members.items()))}
    return MembersUsage(
        {name: member.used() for name, member in members.items() if first_names[id(member)] == name}
    )
