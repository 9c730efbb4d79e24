"""What a log of another harness holds, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

_NOTHING: Mapping[str, float] = MappingProxyType({})
_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """One question of a log, and how the model answered it.

    Attributes:
        id: Id of the question in the log.
        prompt: Its text; empty where the log has none.
        options: Its options; empty where it is not multiple choice.
        right: Indices of the right options; empty where unknown.
        ranking: Indices of the options that the model chose, best first; empty for no answer.
        scores: A score for each option, higher is better; empty where the log has none.
        values: Values of the harness's own metrics for this question.
        reply: What the model wrote; empty where it only scored options.
        metadata: Other fields, as texts.
    """

    id: str
    prompt: str = ""
    options: tuple[str, ...] = ()
    right: tuple[int, ...] = ()
    ranking: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    values: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    reply: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)


@dataclass(frozen=True, slots=True)
class HarnessLog:
    """A log of another harness.

    Attributes:
        path: The file.
        harness: Name of the harness, such as "lm-evaluation-harness".
        model: Name of the model; empty where the log does not say.
        task: Name of the task; empty where the log does not say.
        answers: One for each question, in the order of the log.
        notes: What was left out while reading, as sentences.
    """

    path: Path
    harness: str
    model: str
    task: str
    answers: tuple[LoggedAnswer, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_choice(self) -> bool:
        """Whether every question has options and right ones among them."""
        return bool(self.answers) and all(
            len(one.options) > 1 and one.right for one in self.answers
        )

    @property
    def value_names(self) -> tuple[str, ...]:
        """Metrics that every question has a value of, in the order of the log."""
        if not self.answers:
            return ()
        first, *rest = self.answers
        return tuple(name for name in first.values if all(name in one.values for one in rest))
