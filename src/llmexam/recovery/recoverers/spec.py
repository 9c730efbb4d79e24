"""A recoverer with its settings, as in plans and as a member of a combination."""

from __future__ import annotations

from pathlib import Path
from typing import Self

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

    def keeping_vectors(self, folder: Path | None) -> Self:
        """Return it with a folder of vectors, if it takes one and has none of its own."""
        if folder is None:
            return self
        changes: dict[str, object] = {}
        if getattr(self.settings, "vector_cache", folder) is None:
            changes["vector_cache"] = folder
        if members := [
            one for one in getattr(self.settings, "members", ()) if isinstance(one, RecovererSpec)
        ]:
            changes["members"] = tuple(one.keeping_vectors(folder) for one in members)
        settings = self.settings.model_copy(update=changes)
        return self.model_copy(update={"settings": settings})
