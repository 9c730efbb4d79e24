"""Solver `cascade`: one solver for all questions, a second one for the least certain."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from pydantic import Field

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.base import Settings
from llmexam.solvers.cascade.certainty import (
    Certainty,
    Floats,
    certainty,
    least_certain,
    log_probabilities,
)
from llmexam.solvers.members import usage_of_members
from llmexam.solvers.protocol import BaseSolver, Cost, Explanation, OptionReason, Solver, Usage
from llmexam.solvers.registry import create_solver
from llmexam.solvers.spec import SolverSpec
from llmexam.storage.hashing import hash_json

_LOG = logging.getLogger(__name__)


class CascadeSettings(Settings):
    """Settings of solver `cascade`."""

    first: SolverSpec = Field(description="solver that scores all questions")
    second: SolverSpec = Field(
        description="solver that rescores the questions on which the first is least certain"
    )
    share: float = Field(
        0.2, ge=0, le=1, description="largest share of the questions to send to the second solver"
    )
    threshold: float | None = Field(
        None,
        gt=0,
        le=1,
        description="send only questions whose certainty is below this value to the second "
        "solver; together with share: 1, the scores of a question do not depend on "
        "other questions",
    )
    certainty: Certainty = Field(
        "margin",
        description="certainty of the first solver: margin (difference between the two highest "
        "probabilities) or entropy (1 - entropy / maximum entropy)",
    )
    temperature: float = Field(
        1.0,
        gt=0,
        description="softmax temperature that turns the first solver's scores into "
        "probabilities; calibrate it on other questions",
    )
    second_temperature: float = Field(
        1.0,
        gt=0,
        description="softmax temperature of the second solver; used where both are mixed (weight "
        "below 1)",
    )
    weight: float = Field(
        1.0,
        gt=0,
        le=1,
        description="weight of the second solver's log-probabilities for the questions it "
        "scored; 1 replaces the first solver's",
    )
    time_budget: float | None = Field(
        None,
        gt=0,
        description="time limit of scoring, in seconds; the second solver runs batch by batch, "
        "least certain questions first, while the next batch fits",
    )
    batch_size: int = Field(
        32, ge=1, description="questions per batch of the second solver under a time budget"
    )


@dataclass(frozen=True, slots=True)
class SecondOpinions:
    """Counts of questions in the last call.

    Attributes:
        n_questions: All questions.
        n_chosen: Questions chosen for the second solver.
        n_scored: Questions that the second solver scored before the time budget ran out.
    """

    n_questions: int
    n_chosen: int
    n_scored: int


@dataclass(frozen=True, eq=False)
class _Weighed:
    """Log-probabilities of the first solver, and the questions chosen for the second."""

    logs: list[Floats]
    truncated: np.ndarray
    certainties: list[float]
    chosen: list[int]


@dataclass(frozen=True, eq=False)
class _Scored:
    """Final scores, and which solver they are from."""

    scores: ScoreMatrix
    certainties: list[float]
    rescored: list[int]


class CascadeSolver(BaseSolver):
    """Scores all questions with a cheap solver, and the least certain ones with a better solver.

    Scores are log-probabilities. Which questions are the least certain depends on the other
    questions of the call, except with a threshold and a share of 1. With a time budget, scores
    depend on the machine's speed; the report gives the number of questions left to the first.
    """

    settings_class = CascadeSettings
    settings: CascadeSettings
    # The share refers to all questions, so a run must not split the exam into calls.
    whole_exam = True

    def __init__(self, settings: CascadeSettings | None = None, **values: Any) -> None:
        super().__init__(settings, **values)
        self.last: SecondOpinions | None = None
        self._given: dict[str, Solver] = {}
        self._last: tuple[list[Question], _Scored] | None = None
        self._clock: Callable[[], float] = time.monotonic

    @cached_property
    def members(self) -> Mapping[str, Solver]:
        """The member solvers, `first` and `second`."""
        specs = {"first": self.settings.first, "second": self.settings.second}
        return {
            name: self._given.get(name) or create_solver(spec.solver, spec.settings)
            for name, spec in specs.items()
        }

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this cascade with some members replaced, by name."""
        other = type(self)(self.settings)
        other._given = {**self.members, **members}
        other._clock = self._clock
        return other

    @property
    def order_invariant(self) -> bool:
        """Whether both members are order invariant, and there is no time budget."""
        both = all(member.describe().order_invariant for member in self.members.values())
        # Ties in confidence are broken by the questions' texts, options in order.
        return both and self.settings.share in (0, 1) and self.settings.time_budget is None

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 over the weights of both solvers."""
        return hash_json([one.describe().weights_hash for one in self.members.values()])

    @property
    def cost(self) -> Cost:
        """Cost model: both solvers, the second one for a share of the questions."""
        return "cascade"

    def used(self) -> Usage:
        """Return the resources that the members have used so far, beside time."""
        names = {"first": self.settings.first.name, "second": self.settings.second.name}
        return usage_of_members(
            {f"{place} ({names[place]})": member for place, member in self.members.items()}
        )

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the log-probability of each option, shape `[n_questions, n_options]`.

        `truncated` is that of the solver that scored the question.
        """
        return self._score(questions).scores

    def choose(self, questions: Sequence[Question]) -> list[int]:
        """Return the indices of the questions for the second solver, least certain first.

        Only the first solver is run.
        """
        return self._weigh(questions).chosen

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return the explanations of the solver that decided, with the reason for choosing it."""
        if not questions:
            return []
        result = self._score(questions)
        rescored = set(result.rescored)
        found: dict[int, Explanation] = {}
        parts = {
            "first": [i for i in range(len(questions)) if i not in rescored],
            "second": sorted(rescored),
        }
        for name, places in parts.items():
            if places:
                own = self.members[name].explain([questions[i] for i in places])
                found.update(zip(places, own, strict=True))
        spec = self.settings
        return [
            _prefixed(
                found[i],
                f"{spec.second.name}, because {spec.first.name} was uncertain"
                if i in rescored
                else spec.first.name,
                result.certainties[i],
            )
            for i in range(len(questions))
        ]

    def _score(self, questions: Sequence[Question]) -> _Scored:
        """Return scores; those of the last call are cached."""
        if self._last is not None:
            earlier, result = self._last
            if len(earlier) == len(questions) and all(map(_is, earlier, questions)):
                return result
        begin = self._clock()
        weighed = self._weigh(questions)
        logs, truncated, chosen = weighed.logs, weighed.truncated, weighed.chosen
        rescored: list[int] = []
        for places, second in self._run_second(questions, chosen, begin):
            for place, row, cut in zip(places, second.rows(), second.truncated, strict=True):
                logs[place] = self._mix(logs[place], row)
                truncated[place] = cut or (self.settings.weight < 1 and truncated[place])
            rescored += places
        self.last = SecondOpinions(len(questions), len(chosen), len(rescored))
        if len(rescored) < len(chosen):
            _LOG.warning(
                "time budget used up: '%s' rescored %d of %d selected questions, "
                "'%s' alone scored the other %d",
                self.settings.second.name,
                len(rescored),
                len(chosen),
                self.settings.first.name,
                len(questions) - len(rescored),
            )
        ids = [question.id for question in questions]
        scores = ScoreMatrix.from_rows(ids, logs, truncated)
        result = _Scored(scores, weighed.certainties, rescored)
        self._last = (list(questions), result)
        return result

    def _weigh(self, questions: Sequence[Question]) -> _Weighed:
        first = self.members["first"].score(questions)
        logs = [log_probabilities(row, self.settings.temperature) for row in first.rows()]
        certainties = [certainty(row, self.settings.certainty) for row in logs]
        chosen = least_certain(
            questions, certainties, share=self.settings.share, threshold=self.settings.threshold
        )
        return _Weighed(logs, first.truncated.copy(), certainties, chosen)

    def _run_second(
        self, questions: Sequence[Question], chosen: Sequence[int], begin: float
    ) -> list[tuple[Sequence[int], ScoreMatrix]]:
        """Return the scores of the second solver, least certain questions first."""
        budget = self.settings.time_budget
        # Without a time budget in one call, so that shared prefixes are computed once.
        size = self.settings.batch_size if budget is not None else max(1, len(chosen))
        found: list[tuple[Sequence[int], ScoreMatrix]] = []
        longest = 0.0
        for at in range(0, len(chosen), size):
            # Stop before a batch that, as slow as the slowest so far, would exceed the budget.
            started = self._clock()
            if budget is not None and started - begin + longest >= budget:
                break
            places = chosen[at : at + size]
            scores = self.members["second"].score([questions[i] for i in places])
            found.append((places, scores))
            longest = max(longest, self._clock() - started)
        return found

    def _mix(self, first: Floats, second: np.ndarray) -> Floats:
        logs = log_probabilities(second, self.settings.second_temperature)
        weight = self.settings.weight
        return logs if weight == 1 else log_probabilities((1 - weight) * first + weight * logs, 1)


def _is(a: Question, b: Question) -> bool:
    return a is b


def _prefixed(explanation: Explanation, who: str, sure: float) -> Explanation:
    reasons = tuple(
        OptionReason(f"{who} (certainty {sure:.2f}): {reason.note}", reason.supports)
        for reason in explanation.options
    )
    return Explanation(explanation.question_id, reasons)
