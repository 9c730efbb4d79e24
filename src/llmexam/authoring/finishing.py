"""From drafts to a set of questions: checks of the whole set, and the number that is wanted."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from llmexam.authoring.checks.protocol import Balanced, SetCheck, Yield, tally
from llmexam.authoring.drafts import Shard
from llmexam.authoring.item import AuthoredItem


@dataclass(frozen=True, slots=True)
class SetStep:
    """What a check of the whole set did.

    Attributes:
        name: Name of the check.
        n_before: Questions before it.
        n_removed: Questions that it removed.
        n_changed: Questions that it changed.
        before: Measures of the set before it, by name.
        after: The same measures after it.
    """

    name: str
    n_before: int
    n_removed: int
    n_changed: int
    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished set of questions and how it came about.

    Attributes:
        items: The questions.
        removed: Questions that the set checks removed, each with the check and its reason.
        n_passages: Passages that were read.
        n_drafts: Questions that the generator wrote.
        n_spare: Accepted questions beyond the wanted number.
        yields: Yield of each check of single questions.
        n_flagged: Number of kept questions that each flagging check flags.
        steps: What the checks of the whole set did, in order.
        reasons: Why passages gave fewer questions than requested, with counts.
    """

    items: tuple[AuthoredItem, ...]
    removed: tuple[tuple[AuthoredItem, str, str], ...]
    n_passages: int
    n_drafts: int
    n_spare: int
    yields: tuple[Yield, ...]
    n_flagged: Mapping[str, int]
    steps: tuple[SetStep, ...]
    reasons: Mapping[str, int]

    @property
    def by_style(self) -> dict[str, int]:
        """Number of questions of each style."""
        return dict(Counter(item.style for item in self.items))

    @property
    def n_clusters(self) -> int:
        """Number of articles that the questions are from."""
        return len({item.cluster for item in self.items})


def finish(
    shards: Iterable[Shard],
    checks: Sequence[str],
    set_checks: Sequence[SetCheck],
    n_wanted: int | None = None,
) -> Finished:
    """Return the set of accepted questions after the checks of the whole set.

    Args:
        shards: All drafts, in order.
        checks: Names of the rejecting checks of single questions, in the order of their yields.
        set_checks: Checks of the whole set, in order.
        n_wanted: Number of questions; None for all. Styles take turns as long as they have
            questions.
    """
    n_passages, accepted = 0, []
    reasons: Counter[str] = Counter()
    rejections: list[Mapping[str, str]] = []
    flags: dict[str, Mapping[str, str]] = {}
    for shard in shards:
        n_passages += shard.n_passages
        reasons.update(shard.reasons)
        for draft in shard.drafts:
            rejections.append(draft.rejections)
            if not draft.rejections:
                accepted.append(draft.item)
                flags[draft.item.question.id] = draft.flags
    items, steps, removed = _balance(accepted, set_checks)
    chosen = items if n_wanted is None else in_turn(items, n_wanted)
    flagged = Counter(name for item in chosen for name in flags[item.question.id])
    return Finished(
        items=tuple(chosen),
        removed=tuple(removed),
        n_passages=n_passages,
        n_drafts=len(rejections),
        n_spare=len(items) - len(chosen),
        yields=tally(rejections, checks),
        n_flagged=dict(flagged),
        steps=tuple(steps),
        reasons=dict(reasons.most_common()),
    )


def in_turn(items: Sequence[AuthoredItem], n: int) -> list[AuthoredItem]:
    """Return `n` questions, or all if there are fewer; styles take turns, in the given order."""
    by_style: defaultdict[str, deque[int]] = defaultdict(deque)
    for place, item in enumerate(items):
        by_style[item.style].append(place)
    chosen: list[int] = []
    while len(chosen) < min(n, len(items)):
        for places in by_style.values():
            if places and len(chosen) < n:
                chosen.append(places.popleft())
    return [items[place] for place in sorted(chosen)]


def _balance(
    items: list[AuthoredItem], checks: Sequence[SetCheck]
) -> tuple[list[AuthoredItem], list[SetStep], list[tuple[AuthoredItem, str, str]]]:
    steps, removed = [], []
    for check in checks:
        found: Balanced = check.balance(items)
        removed += [
            (item, check.name, found.removed[item.question.id])
            for item in items
            if item.question.id in found.removed
        ]
        steps.append(
            SetStep(
                check.name,
                n_before=len(items),
                n_removed=len(items) - len(found.items),
                n_changed=found.n_changed,
                before=dict(found.before),
                after=dict(found.after),
            )
        )
        items = list(found.items)
    return items, steps, removed
