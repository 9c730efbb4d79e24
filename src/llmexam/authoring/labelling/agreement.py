"""Agreement between labellers: raw agreement, Cohen's kappa and Krippendorff's alpha."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.labelling.labels import (
    DECISIONS,
    Label,
    first_answers,
    last_decisions,
    require_questions,
)
from llmexam.errors import ExamError

N_RESAMPLES = 2_000
_LEVEL = 0.95
Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Agreement of two labellers on the questions that both decided on.

    Attributes:
        a: First labeller.
        b: Second labeller.
        n: Questions that both decided on.
        raw: Share on which they agree.
        kappa: Cohen's kappa; None if it is undefined, because both always decide the same.
        low: Lower end of its 95 % bootstrap interval; None likewise.
        high: Upper end.
        confusion: Counts, rows by the first and columns by the second labeller's decision, in the
            order of `categories`.
        categories: The decisions.
        disagreements: Ids of the questions on which they disagree.
    """

    a: str
    b: str
    n: int
    raw: float
    kappa: float | None
    low: float | None
    high: float | None
    confusion: tuple[tuple[int, ...], ...]
    categories: tuple[str, ...]
    disagreements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of all labellers.

    Attributes:
        labellers: Their names.
        n_decided: Questions that each decided on, by name.
        pairs: Agreement of each pair with questions in common.
        alpha: Krippendorff's alpha of all labellers, for nominal data; None if undefined.
        alpha_low: Lower end of its 95 % bootstrap interval over questions; None likewise.
        alpha_high: Upper end.
        answers: From a labeller to the number of right blind answers and of all of them.
    """

    labellers: tuple[str, ...]
    n_decided: Mapping[str, int]
    pairs: tuple[PairAgreement, ...]
    alpha: float | None
    answers: Mapping[str, tuple[int, int]]
    alpha_low: float | None = None
    alpha_high: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        return {**asdict(self), "answers": {k: list(v) for k, v in self.answers.items()}}


def measure_agreement(
    labels: Iterable[Label],
    *,
    keys: Mapping[str, int] | None = None,
    hashes: Mapping[str, str] | None = None,
    usable: bool = False,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Agreement:
    """Return the agreement of all labellers.

    Args:
        labels: Labels of at least two labellers.
        keys: Right option of each question by id, for the share of right blind answers.
        hashes: Hash of each question by id, to check that the labels are of these questions.
        usable: Compare only whether a question is kept (accepted or corrected) or rejected.
        n_resamples: Bootstrap resamples of the questions.
        seed: Random seed of the bootstrap.

    Raises:
        ExamError: There are fewer than two labellers, or they labelled different versions of a
            question.
    """
    found = list(labels)
    require_questions(found, hashes)
    decisions = {
        name: {key: _category(label, usable) for key, label in decided.items()}
        for name, decided in sorted(last_decisions(found).items())
    }
    if len(decisions) < 2:
        raise ExamError(
            f"expected the decisions of at least two labellers, got {len(decisions)}",
            hint="Label the same questions with another --labeller",
        )
    categories = ("keep", "reject") if usable else DECISIONS
    pairs = [
        _pair(a, b, decisions, categories, n_resamples, seed)
        for a, b in combinations(decisions, 2)
        if decisions[a].keys() & decisions[b].keys()
    ]
    answers = {}
    right = keys or {}
    for name, given in sorted(first_answers(found).items()):
        known = [(choice, right[key]) for key, choice in given.items() if key in right]
        if known:
            answers[name] = (sum(a == b for a, b in known), len(known))
    tables = list(decisions.values())
    low, high = _alpha_interval(tables, categories, n_resamples, seed)
    return Agreement(
        labellers=tuple(decisions),
        n_decided={name: len(decided) for name, decided in decisions.items()},
        pairs=tuple(pairs),
        alpha=krippendorff_alpha(tables, categories),
        answers=answers,
        alpha_low=low,
        alpha_high=high,
    )


def cohen_kappa(confusion: Table) -> float | None:
    """Return Cohen's kappa, (p_o - p_e) / (1 - p_e) (Cohen, 1960); None if p_e is 1.

    Args:
        confusion: Counts, shape `[n_categories, n_categories]`.

    >>> round(cohen_kappa(np.array([[20.0, 5.0], [10.0, 15.0]])), 3)
    0.4
    """
    value = float(_kappas(confusion[None])[0])
    return value if np.isfinite(value) else None


def _kappas(tables: Table) -> Table:
    """Return kappa of each table, shape `[n_tables]`; NaN where it is undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = tables / tables.sum(axis=(1, 2), keepdims=True)
        by_chance = (shares.sum(axis=2) * shares.sum(axis=1)).sum(axis=1)
        agreed = np.trace(shares, axis1=1, axis2=2)
        kappas: Table = np.where(
            by_chance < 1 - 1e-12, (agreed - by_chance) / (1 - by_chance), np.nan
        )
    return kappas


def krippendorff_alpha(
    decisions: Sequence[Mapping[str, str]], categories: Sequence[str]
) -> float | None:
    """Return Krippendorff's alpha for nominal data, 1 - D_o / D_e (Krippendorff, 2011).

    It allows for more than two labellers and for questions that some of them skipped.

    Args:
        decisions: Category by question id, one mapping per labeller.
        categories: All categories.

    Returns:
        Alpha, or None if there is only one category among the questions with several labels.
    """
    coincidences = _coincidences(decisions, categories)
    value = float(_alphas(coincidences.sum(axis=0)[None])[0])
    return value if np.isfinite(value) else None


def _coincidences(decisions: Sequence[Mapping[str, str]], categories: Sequence[str]) -> Table:
    """Return pairs of labels of each question that has several, shape `[n, size, size]`."""
    place = {name: i for i, name in enumerate(categories)}
    found = []
    for key in sorted({key for decided in decisions for key in decided}):
        counts = np.zeros(len(categories))
        for decided in decisions:
            if key in decided:
                counts[place[decided[key]]] += 1
        n = counts.sum()
        if n >= 2:
            found.append((np.outer(counts, counts) - np.diag(counts)) / (n - 1))
    return np.array(found).reshape(-1, len(categories), len(categories))


def _alphas(coincidences: Table) -> Table:
    """Return alpha of each table of coincidences, shape `[n_tables]`; NaN where undefined."""
    totals = coincidences.sum(axis=2)
    n = totals.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = (n * n - (totals**2).sum(axis=1)) / (n - 1)
        observed = n - np.trace(coincidences, axis1=1, axis2=2)
        alphas: Table = np.where(expected > 1e-9, 1 - observed / expected, np.nan)
    return alphas


def _alpha_interval(
    decisions: Sequence[Mapping[str, str]], categories: Sequence[str], n_resamples: int, seed: int
) -> tuple[float | None, float | None]:
    """Return the 95 % bootstrap interval of alpha over questions; None if alpha is undefined."""
    units = _coincidences(decisions, categories)
    if not len(units) or not np.isfinite(_alphas(units.sum(axis=0)[None])[0]):
        return None, None
    n, size = len(units), len(categories)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples)
    values = _alphas((drawn @ units.reshape(n, -1)).reshape(-1, size, size))
    defined = values[np.isfinite(values)]
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def _pair(
    a: str,
    b: str,
    decisions: Mapping[str, Mapping[str, str]],
    categories: Sequence[str],
    n_resamples: int,
    seed: int,
) -> PairAgreement:
    shared = [key for key in decisions[a] if key in decisions[b]]
    size = len(categories)
    place = {name: i for i, name in enumerate(categories)}
    first = np.array([place[decisions[a][key]] for key in shared])
    second = np.array([place[decisions[b][key]] for key in shared])
    counts = np.bincount(first * size + second, minlength=size * size)
    confusion = counts.reshape(size, size).astype(np.float64)
    kappa = cohen_kappa(confusion)
    ends: tuple[float | None, float | None] = (None, None)
    if kappa is not None:
        # A resample of questions is a multinomial draw over the cells of the table.
        drawn = np.random.default_rng(seed).multinomial(
            len(shared), counts / len(shared), size=n_resamples
        )
        values = _kappas(drawn.reshape(-1, size, size).astype(np.float64))
        defined = values[np.isfinite(values)]
        tail = (1 - _LEVEL) / 2
        low, high = np.quantile(defined if len(defined) else [kappa], [tail, 1 - tail])
        ends = (float(low), float(high))
    return PairAgreement(
        a=a,
        b=b,
        n=len(shared),
        raw=float((first == second).mean()),
        kappa=kappa,
        low=ends[0],
        high=ends[1],
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        categories=tuple(categories),
        disagreements=tuple(key for key, x, y in zip(shared, first, second, strict=True) if x != y),
    )


def _category(label: Label, usable: bool) -> str:
    decision = label.decision or "reject"
    return ("reject" if decision == "reject" else "keep") if usable else decision
