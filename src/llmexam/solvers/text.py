"""The base of solvers that answer with a text, for tasks whose answers are no options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from llmexam.errors import SettingsError, nearest
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import NoUsage, Usage

Items = TypeVar("Items")
Progress = Callable[..., None]


class TextSolver(ABC, Generic[Items]):
    """Answers each item with a text. It never looks at the right answers.

    Args:
        settings: Its settings, of `settings_class`.
    """

    settings_class: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @abstractmethod
    def answer(self, items: Items, progress: Progress) -> Sequence[str]:
        """Return one text for each item.

        Args:
            items: The items.
            progress: Called with how many are done, and how many there are.
        """

    @property
    def weights_hash(self) -> str:
        """What identifies weights and texts that answers depend on beside settings and code."""
        return ""

    def used(self) -> Usage:
        """Return what the answers took so far beside time: nothing."""
        return NoUsage()


def text_solver_class(
    classes: Mapping[str, type[TextSolver[Any]]], name: str
) -> type[TextSolver[Any]]:
    """Return the class of a solver.

    Raises:
        SettingsError: There is no solver of this name.
    """
    if name not in classes:
        raise SettingsError(f"there is no solver '{name}'", hint=nearest(name, classes))
    return classes[name]
