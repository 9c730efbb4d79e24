"""From drafts to a set of questions: checks of the whole set, and the number that is wanted.

A set check holds for the set that it was given, not for every part of it: of balanced questions,
those that are chosen may not be. The chosen ones are therefore checked again.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from llmexam.authoring.checks.protocol import Balanced, SetCheck, Yield, tally
from llmexam.authoring.drafts import Shard
from llmexam.authoring.item import AuthoredItem

# Most times that chosen questions are checked again, after some of them were exchanged.
_MAX_ROUNDS = 10
# Between two attempts to finish, the accepted drafts grow by these factors at least and at most.
_MIN_GROWTH, _MAX_GROWTH = 1.1, 2.0


@dataclass(frozen=True, slots=True)
class SetStep:
    """What a check of the whole set did.

    Attributes:
        name: Name of the check.
        n_before: Questions before it.
        n_removed: Questions that it removed.
        n_changed: Changes of questions; one that was checked again may count twice.
        before: Measures of the set before it, by name.
        after: The same measures of the finished set.
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
    chosen = items
    if n_wanted is not None and len(items) > n_wanted:
        chosen, items, steps, more = _choose(items, n_wanted, set_checks, steps)
        removed += more
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


class Goal:
    """Decides after each shard of drafts whether the finished set has the wanted number.

    Checks of the whole set remove questions after the drafts were accepted, so the set is finished
    each time that it may be large enough. The accepted drafts grow by a tenth at least in between,
    so this happens rarely. The decisions depend only on the shards.

    Args:
        n_wanted: Number of questions.
        finish_shards: Returns the finished set of the first shards, by their number.

    Attributes:
        found: The finished set, once it has the wanted number.
    """

    def __init__(self, n_wanted: int, finish_shards: Callable[[int], Finished]) -> None:
        self.found: Finished | None = None
        self._n_wanted = n_wanted
        self._finish = finish_shards
        self._n_needed = n_wanted

    def is_reached(self, n_shards: int, n_accepted: int) -> bool:
        """Return whether the first shards, with this number of accepted drafts, suffice."""
        if n_accepted < self._n_needed:
            return False
        found = self._finish(n_shards)
        if len(found.items) >= self._n_wanted:
            self.found = found
            return True
        likely = ceil(n_accepted * self._n_wanted / max(len(found.items), 1))
        least, most = ceil(n_accepted * _MIN_GROWTH), ceil(n_accepted * _MAX_GROWTH)
        self._n_needed = min(max(likely, least), most)
        return False


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


def _choose(
    items: Sequence[AuthoredItem], n: int, checks: Sequence[SetCheck], steps: Sequence[SetStep]
) -> tuple[
    list[AuthoredItem], list[AuthoredItem], list[SetStep], list[tuple[AuthoredItem, str, str]]
]:
    """Return `n` questions that pass the checks by themselves, or fewer.

    Args:
        items: The questions to choose from, which pass the checks together.
        n: Number of questions.
        checks: Checks of the whole set.
        steps: What the checks did so far.

    Returns:
        The chosen questions, those that are not removed, what the checks did in all, and the
        questions that they removed.
    """
    left, steps = list(items), list(steps)
    removed: list[tuple[AuthoredItem, str, str]] = []
    chosen: list[AuthoredItem] = []
    for _ in range(_MAX_ROUNDS):
        chosen, again, gone = _balance(in_turn(left, n), checks)
        removed += gone
        names = {item.question.id for item, _, _ in gone}
        left = [item for item in left if item.question.id not in names]
        steps = [
            replace(
                before,
                n_removed=before.n_removed + after.n_removed,
                n_changed=before.n_changed + after.n_changed,
                after=after.after,
            )
            for before, after in zip(steps, again, strict=True)
        ]
        if not gone:
            break
    return chosen, left, steps, removed


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
