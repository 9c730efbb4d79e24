"""Check `tells` of the whole set: the right option cannot be guessed without the passage.

A tell chooses an option by its form: the longest, the first, the one with most words of the prompt.
A closed-book solver chooses one from prompt and options. If a tell is right more often than by
chance, the questions that it answers are removed until it is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.authoring.checks.protocol import Balanced
from llmexam.authoring.checks.readers import LazySolver, margins_of
from llmexam.authoring.item import AuthoredItem
from llmexam.evaluation.bootstrap import wilson_interval
from llmexam.exam.audit.flaws.reading import content_terms
from llmexam.exam.question import Question
from llmexam.settings.base import OneOrMany, Settings
from llmexam.solvers.spec import SolverSpec

TellName = Literal["longest", "shortest", "first", "prompt-overlap", "figures", "odd-form"]
Measure = Callable[[Question], list[float]]
# Among questions that a solver answers, those with a large margin are removed first.
_MARGIN_WEIGHT = 0.01


def _lengths(question: Question) -> list[float]:
    return [float(len(option)) for option in question.options]


def _overlaps(question: Question) -> list[float]:
    prompt = content_terms(question.prompt)
    return [float(len(prompt & content_terms(option))) for option in question.options]


def _figures(question: Question) -> list[float]:
    return [float(sum(map(str.isdigit, option))) for option in question.options]


def _oddness(question: Question) -> list[float]:
    """Return in how many aspects of form each option is the only one."""
    forms = [
        (o[:1].isupper(), o.endswith("."), any(map(str.isdigit, o)), "(" in o, "," in o, "-" in o)
        for o in question.options
    ]
    columns = list(zip(*forms, strict=True))
    return [
        float(sum(column.count(own) == 1 for column, own in zip(columns, form, strict=True)))
        for form in forms
    ]


_TELLS: dict[str, Measure] = {
    "longest": _lengths,
    "shortest": lambda question: [-length for length in _lengths(question)],
    "first": lambda question: [-float(i) for i in range(len(question.options))],
    "prompt-overlap": _overlaps,
    "figures": _figures,
    "odd-form": _oddness,
}


class TellsSettings(Settings):
    """Settings of check `tells`."""

    tells: tuple[TellName, ...] = Field(
        ("longest", "shortest", "first", "prompt-overlap", "figures", "odd-form"),
        description="rules that choose an option by its form",
    )
    solvers: OneOrMany[SolverSpec] = Field(
        (), description="closed-book solvers, which get the questions without passages"
    )
    level: float = Field(
        0.95, gt=0, lt=1, description="level of the interval that must contain chance"
    )
    max_removed: float = Field(
        0.5, ge=0, le=1, description="largest share of the questions that may be removed"
    )


class TellsCheck:
    """Removes questions until no tell is better than chance.

    A tell's accuracy is the mean over questions of 1 if it chooses the right option, 1/k if the
    right option is one of k tied ones, and 0 otherwise. It is better than chance if Wilson's
    interval of its accuracy is above the expected accuracy of random choices. With one such tell,
    the fewest possible questions are removed; with several, those first that most of them answer
    (a greedy choice). Ties are broken by a hash of the id. The interval of a small set is wide, so
    a small set is accepted more easily.
    """

    name = "tells"

    def __init__(self, settings: TellsSettings | None = None) -> None:
        self.settings = settings or TellsSettings()
        self._solvers = [LazySolver(spec) for spec in self.settings.solvers]

    def balance(self, items: Sequence[AuthoredItem]) -> Balanced:
        """Return the questions to keep; those without an answer are kept."""
        at = [place for place, item in enumerate(items) if item.question.answer is not None]
        questions = [items[place].question for place in at]
        if not questions:
            return Balanced(tuple(items), {})
        names, credits, order = self._measure(questions)
        chance = np.array([1 / len(question.options) for question in questions])
        gone = self._remove(credits, order, chance, [question.id for question in questions])
        removed = {
            questions[i].id: f"answered by {names[tell]}, which is better than chance"
            for i, tell in gone.items()
        }
        kept = np.ones(len(questions), dtype=bool)
        kept[list(gone)] = False
        before = dict(zip(names, credits.mean(axis=0).tolist(), strict=True))
        before["chance"] = float(chance.mean())
        if not gone:
            return Balanced(tuple(items), {}, 0, before, before)
        after = dict(zip(names, credits[kept].mean(axis=0).tolist(), strict=True))
        after["chance"] = float(chance[kept].mean())
        left = tuple(item for item in items if item.question.id not in removed)
        return Balanced(left, removed, 0, before, after)

    def _measure(
        self, questions: Sequence[Question]
    ) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
        """Return names, credit per question and tell, and the order of removal per tell."""
        names: list[str] = list(self.settings.tells)
        columns = [[_credit(_TELLS[name](q), q.answer or 0) for q in questions] for name in names]
        extra: list[NDArray[np.float64]] = [np.zeros(len(questions)) for _ in names]
        bare = [question.with_passages(()) for question in questions]
        answers = np.array([question.answer for question in questions])
        for solver in self._solvers:
            scores = solver.score(bare)
            names.append(solver.spec.name)
            columns.append((scores.ranking[:, 0] == answers).astype(float).tolist())
            extra.append(_MARGIN_WEIGHT * margins_of(scores, answers.tolist()))
        credits = np.array(columns, dtype=np.float64).reshape(len(names), len(questions)).T
        order = np.array(extra).reshape(len(names), len(questions)).T
        return names, credits, order

    def _remove(
        self,
        credits: NDArray[np.float64],
        order: NDArray[np.float64],
        chance: NDArray[np.float64],
        ids: Sequence[str],
    ) -> dict[int, int]:
        """Return the questions to remove, each with the tell that most needs it."""
        ties = np.argsort([hashlib.blake2b(i.encode(), digest_size=8).hexdigest() for i in ids])
        rank = np.empty(len(ids))
        rank[ties] = np.arange(len(ids))
        excess = credits - chance[:, None]
        left = np.ones(len(ids), dtype=bool)
        gone: dict[int, int] = {}
        limit = int(self.settings.max_removed * len(ids))
        while len(gone) < limit:
            better = self._better(credits[left], chance[left])
            if not better.any():
                break
            gain = np.where(better, excess, 0.0).sum(axis=1) + np.where(better, order, 0).sum(
                axis=1
            )
            queue = [int(i) for i in np.lexsort((rank, -gain)) if left[i] and gain[i] > 0]
            if not queue:
                break
            n_now = self._n_needed(credits, chance, left, queue[: limit - len(gone)], better)
            for i in queue[:n_now]:
                left[i] = False
                gone[i] = int(np.where(better, excess[i], -np.inf).argmax())
        return gone

    def _n_needed(
        self,
        credits: NDArray[np.float64],
        chance: NDArray[np.float64],
        left: NDArray[np.bool_],
        queue: Sequence[int],
        better: NDArray[np.bool_],
    ) -> int:
        """Return after how many removals another set of tells is better than chance."""
        n_left = int(left.sum())
        sums = credits[left].sum(axis=0) - np.cumsum(credits[list(queue)], axis=0)
        expected = chance[left].sum() - np.cumsum(chance[list(queue)])
        for n, (own, by_chance) in enumerate(zip(sums, expected, strict=True), 1):
            if n_left <= n:
                return n
            now = self._is_better(own / (n_left - n), by_chance / (n_left - n), n_left - n)
            if (now != better).any():
                return n
        return len(queue)

    def _better(
        self, credits: NDArray[np.float64], chance: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        return self._is_better(credits.mean(axis=0), float(chance.mean()), len(credits))

    def _is_better(self, means: NDArray[np.float64], chance: float, n: int) -> NDArray[np.bool_]:
        lows = [wilson_interval(min(float(m), 1.0), n, self.settings.level)[0] for m in means]
        return np.array(lows) > chance


def _credit(values: Sequence[float], answer: int) -> float:
    best = max(values)
    return 1 / values.count(best) if values[answer] == best else 0.0
