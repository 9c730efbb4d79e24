"""A recoverer with its settings, as in plans and as a member of a combination."""

from __future__ import annotations

from llmexam.recovery.recoverer import Recoverer
from llmexam.recovery.recoverers.registry import recoverer_class
from llmexam.solvers.spec import SolverSpec


class RecovererSpec(SolverSpec):
    """A recoverer and its settings."""

    @classmethod
    def class_of(cls, solver: str) -> type[Recoverer]:
        """Return the class of a recoverer."""
        return recoverer_class(solver)

    def make(self) -> Recoverer:
        """Return a recoverer with these settings that has learned nothing."""
        return self.class_of(self.solver)(self.settings)
