"""Deterministic, stratified splits and folds that keep groups of questions together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError, nearest
from llmexam.exam.exam import Exam
from llmexam.exam.normalise import normalise

Indices = NDArray[np.int64]


def split_exam(
    exam: Exam,
    fractions: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
    stratify: str | None = "answer",
    group_by: str | None = None,
) -> dict[str, Indices]:
    """Split the questions of an exam into named parts.

    The parts' sizes are the fractions of the number of questions, rounded by largest remainder;
    groups of several questions can make them differ.

    Args:
        exam: The exam.
        fractions: Share of each part, above 0, adding up to 1; train 0.7, dev 0.15 and test 0.15
            if not given.
        seed: Random seed of the split.
        stratify: "answer" or a metadata key: each part gets its share of every value;
            None for no strata.
        group_by: "prompt" or a metadata key: questions with equal values stay together. Prompts
            are compared without case, punctuation and spacing.

    Returns:
        The indices of each part's questions, ascending.

    Raises:
        ExamError: The fractions are invalid, a key is unknown, or a part would be empty.
    """
    shares = dict(fractions) if fractions else {"train": 0.7, "dev": 0.15, "test": 0.15}
    strata, groups = _labels(exam, stratify, group_by)
    return deal_parts(strata, groups, shares, seed=seed, source=exam.source, noun="questions")


def deal_parts(
    strata: Sequence[str],
    groups: Sequence[str],
    shares: Mapping[str, float],
    *,
    seed: int,
    source: str = "",
    noun: str = "rows",
) -> dict[str, Indices]:
    """Split items of any task into named parts.

    Args:
        strata: A label for each item; each part gets its share of every label.
        groups: A label for each item; items with equal labels stay together.
        shares: Share of each part, above 0, adding up to 1.
        seed: Random seed of the split.
        source: The file of the items, for error texts.
        noun: What the items are called there.

    Returns:
        The indices of each part's items, ascending.

    Raises:
        ExamError: The shares are invalid, or a part would be empty.
    """
    if any(not share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ExamError(
            "expected positive shares that add up to 1, got "
            f"{', '.join(f'{share:g}' for share in shares.values())}",
            field="split",
            hint="Write, for example, 0.7,0.15,0.15",
        )
    parts = _deal(strata, groups, np.array(list(shares.values())), seed)
    for name, part in zip(shares, parts, strict=True):
        if not len(part):
            raise ExamError(
                f"part '{name}' of {len(strata)} {noun} would be empty",
                file=source or None,
                hint="Increase its share, or use a grouping with smaller groups",
            )
    return dict(zip(shares, parts, strict=True))


def k_folds(
    exam: Exam,
    n_folds: int,
    *,
    seed: int = 0,
    stratify: str | None = "answer",
    group_by: str | None = None,
) -> tuple[Indices, ...]:
    """Split the questions of an exam into folds of similar size.

    Args:
        exam: The exam.
        n_folds: Number of folds, at least 2.
        seed: Random seed of the split.
        stratify: As in `split_exam`.
        group_by: As in `split_exam`.

    Returns:
        The indices of each fold's questions, ascending.

    Raises:
        ExamError: There are fewer questions or groups than folds, or a key is unknown.
    """
    strata, groups = _labels(exam, stratify, group_by)
    return deal_folds(strata, groups, n_folds, seed=seed, source=exam.source, noun="questions")


def deal_folds(
    strata: Sequence[str],
    groups: Sequence[str],
    n_folds: int,
    *,
    seed: int,
    source: str = "",
    noun: str = "rows",
) -> tuple[Indices, ...]:
    """Split items of any task into folds; the arguments are those of `deal_parts`.

    Raises:
        ExamError: There are fewer items or groups than folds.
    """
    if n_folds < 2:
        raise ExamError(
            f"expected at least 2 folds, got {n_folds}", field="folds", hint="Use 2 or more"
        )
    parts = []
    # Checked first: a mistyped number could exceed the size limit of an array below.
    if n_folds <= len(strata):
        parts = _deal(strata, groups, np.full(n_folds, 1 / n_folds), seed)
    if not parts or any(not len(part) for part in parts):
        raise ExamError(
            f"cannot make {n_folds} folds of {len(strata)} {noun}",
            file=source or None,
            field="folds",
            hint="Use fewer folds, or a grouping with smaller groups",
        )
    return tuple(parts)


def largest_remainder(shares: Sequence[float] | NDArray[np.float64], total: int) -> Indices:
    """Round shares of a total to integers that add up to it; ties go to the first.

    >>> largest_remainder([0.7, 0.15, 0.15], 10).tolist()
    [7, 2, 1]
    """
    exact = np.asarray(shares, dtype=np.float64)
    # Shares like 0.15 are inexact in binary; rounding preserves ties between remainders.
    exact = np.round(exact / exact.sum() * total, 9)
    counts: Indices = np.floor(exact).astype(np.int64)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts


def _deal(
    stratum_of: Sequence[str], group_of: Sequence[str], shares: NDArray[np.float64], seed: int
) -> list[Indices]:
    n = len(stratum_of)
    rng = np.random.default_rng(seed)
    strata, groups = _codes(stratum_of), _codes(group_of)
    shuffled = rng.permutation(n)
    part_of = np.full(n, -1, dtype=np.int64)
    # [n_parts, n_strata]: how many questions of each stratum each part should have, and has.
    wanted = shares[:, None] * np.bincount(strata)[None, :]
    dealt = np.zeros_like(wanted)
    members: dict[int, list[int]] = {}
    for i in shuffled:
        members.setdefault(int(groups[i]), []).append(int(i))
    # Large groups first, while every part has room; sorted() is stable, so ties stay shuffled.
    for group in sorted(members.values(), key=len, reverse=True):
        if len(group) == 1:
            break
        counts = np.bincount(strata[group], minlength=wanted.shape[1])
        part = _best_part(wanted, dealt, counts)
        part_of[group] = part
        dealt[part] += counts
    singles = np.array([group[0] for group in members.values() if len(group) == 1], dtype=np.int64)
    _deal_singles(part_of, singles, strata, shares, wanted - dealt)
    return [np.flatnonzero(part_of == part) for part in range(len(shares))]


def _best_part(wanted: NDArray[np.float64], dealt: NDArray[np.float64], counts: Indices) -> int:
    """Return the part that fits a group best.

    The fit is Pearson's statistic, sum of (dealt - wanted)^2 / wanted, over all questions and
    over each stratum.
    """
    before, after = dealt - wanted, dealt + counts - wanted
    strata_cost = ((after**2 - before**2) / wanted).sum(axis=1)
    size_cost = (after.sum(axis=1) ** 2 - before.sum(axis=1) ** 2) / wanted.sum(axis=1)
    return int(np.argmin(strata_cost + size_cost))


def _deal_singles(
    part_of: Indices,
    singles: Indices,
    strata: Indices,
    shares: NDArray[np.float64],
    missing: NDArray[np.float64],
) -> None:
    """Distribute ungrouped questions, stratum by stratum, to reach exact totals."""
    sizes = np.array([(part_of == part).sum() for part in range(len(shares))])
    room = np.maximum(largest_remainder(shares, len(part_of)) - sizes, 0)
    if len(singles):
        # Groups may have filled a part beyond its share; the other parts get less then.
        room = largest_remainder(room if room.sum() else shares, len(singles))
    due = np.zeros(len(shares))
    for stratum in range(missing.shape[1]):
        here = singles[strata[singles] == stratum]
        rate = np.maximum(missing[:, stratum], 0)
        rate = rate / rate.sum() if rate.sum() else shares
        for i in here:
            due += rate
            part = int(np.argmax(np.where(room > 0, due, -np.inf)))
            part_of[i] = part
            due[part] -= 1
            room[part] -= 1


def _labels(exam: Exam, stratify: str | None, group_by: str | None) -> tuple[list[str], list[str]]:
    """Return stratum and group of each question."""
    strata = _values(exam, stratify, "stratify")
    if group_by is None:
        return strata, [str(i) for i in range(len(exam))]
    return strata, _values(exam, group_by, "group_by")


def _codes(values: Sequence[str]) -> Indices:
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)


def _values(exam: Exam, key: str | None, field: str) -> list[str]:
    if key is None:
        return [""] * len(exam)
    if key == "answer":
        return [question.right_letters for question in exam]
    if key == "prompt":
        return [normalise(question.prompt) for question in exam]
    keys = {name for question in exam for name in question.metadata}
    if key not in keys:
        raise ExamError(
            f"no question has metadata '{key}'",
            file=exam.source or None,
            field=field,
            hint=nearest(key, keys | {"answer", "prompt"}),
        )
    return [question.metadata.get(key, "") for question in exam]
