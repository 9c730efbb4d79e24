"""The interfaces of checks, and the yield of each check.

A check of single questions judges each question by itself, so shards can be judged in any process.
A check of the whole set needs all questions at once: near duplicates, bias of the answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from llmexam.authoring.item import AuthoredItem

_NONE: Mapping[str, float] = MappingProxyType({})


@runtime_checkable
class ItemCheck(Protocol):
    """Judges each question by itself. Instances can be pickled."""

    @property
    def name(self) -> str:
        """Name of the check."""
        ...

    @property
    def rejects(self) -> bool:
        """Whether a reason rejects the question; otherwise it only flags it for people."""
        ...

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Balanced:
    """A set of questions after a check of the whole set.

    Attributes:
        items: The questions that are kept, in order. Their options may be in another order.
        removed: Why each other question was removed, by id.
        n_changed: Number of kept questions that were changed.
        before: Measures of the set that was given, by name: an accuracy, a p-value.
        after: The same measures of the kept questions.
    """

    items: tuple[AuthoredItem, ...]
    removed: Mapping[str, str]
    n_changed: int = 0
    before: Mapping[str, float] = field(default_factory=lambda: _NONE)
    after: Mapping[str, float] = field(default_factory=lambda: _NONE)


@runtime_checkable
class SetCheck(Protocol):
    """Removes or changes questions until the whole set has a property."""

    @property
    def name(self) -> str:
        """Name of the check."""
        ...

    def balance(self, items: Sequence[AuthoredItem]) -> Balanced:
        """Return the questions to keep. Ids must be unique. The result is deterministic."""
        ...


@dataclass(frozen=True, slots=True)
class Yield:
    """What one check rejects.

    Attributes:
        name: Name of the check.
        n_judged: Questions that all checks before it accepted.
        n_rejected: How many of these it rejects.
        n_alone: How many of all questions it rejects.
        n_only: How many of all questions it rejects and no other check does: the questions that
            would be kept in addition if this check were left out.
    """

    name: str
    n_judged: int
    n_rejected: int
    n_alone: int
    n_only: int


@dataclass(frozen=True, slots=True)
class Checked:
    """Questions after checks of single questions.

    Attributes:
        kept: The questions that no rejecting check gave a reason for, in order.
        rejections: For each question, the reason of each rejecting check, by its name.
        flags: The same of the checks that do not reject.
        yields: One entry per rejecting check, in order.
    """

    kept: tuple[AuthoredItem, ...]
    rejections: tuple[Mapping[str, str], ...]
    flags: tuple[Mapping[str, str], ...]
    yields: tuple[Yield, ...]


def run_checks(items: Sequence[AuthoredItem], checks: Sequence[ItemCheck]) -> Checked:
    """Judge all questions by all checks, so that the yield of each check alone is measured too.

    Args:
        items: The questions.
        checks: The checks, in the order in which `n_judged` and `n_rejected` are counted.
    """
    rejections: list[dict[str, str]] = [{} for _ in items]
    flags: list[dict[str, str]] = [{} for _ in items]
    for check in checks:
        notes = rejections if check.rejects else flags
        for own, reason in zip(notes, check.judge(items), strict=True):
            if reason is not None:
                own[check.name] = reason
    names = [check.name for check in checks if check.rejects]
    kept = tuple(item for item, own in zip(items, rejections, strict=True) if not own)
    return Checked(kept, tuple(rejections), tuple(flags), tally(rejections, names))


def tally(rejections: Iterable[Mapping[str, str]], names: Sequence[str]) -> tuple[Yield, ...]:
    """Return the yield of each check.

    Args:
        rejections: For each question, the checks that reject it. They are read once.
        names: The checks, in order.
    """
    n_judged, n_rejected = [0] * len(names), [0] * len(names)
    n_alone, n_only = [0] * len(names), [0] * len(names)
    for own in rejections:
        at = [index for index, name in enumerate(names) if name in own]
        first = at[0] if at else len(names) - 1
        for index in range(first + 1):
            n_judged[index] += 1
        if at:
            n_rejected[first] += 1
        for index in at:
            n_alone[index] += 1
        if len(at) == 1:
            n_only[first] += 1
    return tuple(map(Yield, names, n_judged, n_rejected, n_alone, n_only))
