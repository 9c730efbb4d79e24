"""Base class of solvers that answer with a text, for tasks without options."""

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
    """Answers each item with a text. It must not read the right answers.

    Args:
        settings: Its settings, of `settings_class`.
    """

    settings_class: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @abstractmethod
    def answer(self, items: Items, progress: Progress) -> Sequence[str]:
        """Return one text per item.

        Args:
            items: The items.
            progress: Called with how many are done, and how many there are.
        """

    @property
    def weights_hash(self) -> str:
        """Hash of models and files that answers depend on, besides settings and code."""
        return ""

    def used(self) -> Usage:
        """Return no usage besides time."""
        return NoUsage()


def text_solver_class(
    classes: Mapping[str, type[TextSolver[Any]]], name: str
) -> type[TextSolver[Any]]:
    """Return the class of a solver.

    Raises:
        SettingsError: There is no solver of this name.
    """
    if name not in classes:
        raise SettingsError(f"unknown solver '{name}'", hint=nearest(name, classes))
    return classes[name]
