"""Interface of recoverers: from an original and a rewritten text to the prompt between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.trained_rows import TrainedRows
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import NoUsage, Usage

Progress = Callable[[int, int], None]


def no_progress(n_done: int, n_all: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt that was considered for a row.

    Attributes:
        text: The prompt.
        score: How good it is by the recoverer's own measure, higher is better; comparable only
            within one recoverer.
    """

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was recovered for one row.

    Attributes:
        text: The prompt.
        candidates: The best candidates, best first; empty if there is only the prompt.
        confidence: Expected sharpened cosine of the prompt by the recoverer's own estimate; NaN
            if it has none.
    """

    text: str
    candidates: tuple[Candidate, ...] = ()
    confidence: float = float("nan")


class Recoverer(ABC):
    """Recovers the prompt of each row. It sees texts, never the prompt of a row it recovers.

    Subclasses set `settings_class`, and `is_fitted` if they learn from rows with known prompts.

    Args:
        settings: An object of `settings_class`; or its values by keyword.

    Attributes:
        settings_class: The class of its settings.
        is_fitted: Whether `fit` must be called before `recover`.
        extra: The extra of llmexam that installs what it needs; empty for none.
        package: The import name of the main package of that extra.
    """

    settings_class: ClassVar[type[Settings]] = Settings
    is_fitted: ClassVar[bool] = False
    extra: ClassVar[str] = ""
    package: ClassVar[str] = ""

    def __init__(self, settings: Settings | None = None, **values: Any) -> None:
        self.settings: Any = self.settings_class.take(settings, values, subject=type(self).__name__)

    def fit(  # noqa: B027 - most baselines learn nothing
        self, train: RewriteExam, progress: Progress = no_progress
    ) -> None:
        """Learn from rows with known prompts; by default nothing is learned.

        What an earlier call learned is forgotten, so that one recoverer serves all folds.

        Args:
            train: The rows.
            progress: Called with how many steps are done, and how many there are.

        Raises:
            ExamError: A prompt is not known, or there are too few rows.
        """

    @abstractmethod
    def recover(self, items: RewriteExam, progress: Progress = no_progress) -> Sequence[Recovery]:
        """Return one recovery for each row, in order; a row does not depend on the others.

        Args:
            items: The rows; their prompts are not read.
            progress: Called with how many rows are done, and how many there are.
        """

    @property
    def members(self) -> Sequence[Recoverer]:
        """The recoverers that it asks; their code is part of the key of its answers."""
        return ()

    @property
    def seen_rows(self) -> TrainedRows:
        """The rows that its models were trained on before."""
        found = TrainedRows()
        for member in self.members:
            found |= member.seen_rows
        return found

    @property
    def weights_hash(self) -> str:
        """Hash of the models and files that results depend on beside settings and code."""
        return ""

    def used(self) -> Usage:
        """Return what was used beside time: nothing."""
        return NoUsage()
