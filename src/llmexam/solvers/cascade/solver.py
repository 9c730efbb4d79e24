"""Solver `cascade`: one solver for all questions, a second opinion where it is least certain."""

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
    """What became of the last questions.

    Attributes:
        n_questions: All of them.
        n_chosen: Those to give to the second solver.
        n_asked: Those it was given before the time was used up.
    """

    n_questions: int
    n_chosen: int
    n_asked: int


@dataclass(frozen=True, eq=False)
class _Weighed:
    """What the first solver says of some questions, and whom the second is asked about."""

    logs: list[Floats]
    truncated: np.ndarray
    certainties: list[float]
    chosen: list[int]


@dataclass(frozen=True, eq=False)
class _Judged:
    """The scores of some questions, and how they came about."""

    scores: ScoreMatrix
    certainties: list[float]
    asked: list[int]


class CascadeSolver(BaseSolver):
    """Asks a cheap solver everything, and a better one what the cheap one is least certain of.

    Scores are log-probabilities. Which questions are the least certain depends on which are asked
    together; with a threshold and a share of 1 it does not. A time budget makes scores depend on
    this machine's speed: the report says how many questions it left to the first solver.
    """

    settings_class = CascadeSettings
    settings: CascadeSettings
    # The least certain part is one of all questions, not of each hundred.
    whole_exam = True

    def __init__(self, settings: CascadeSettings | None = None, **values: Any) -> None:
        super().__init__(settings, **values)
        self.last: SecondOpinions | None = None
        self._given: dict[str, Solver] = {}
        self._known: tuple[list[Question], _Judged] | None = None
        self._clock: Callable[[], float] = time.monotonic

    @cached_property
    def members(self) -> Mapping[str, Solver]:
        """The solvers that it asks: `first` and `second`."""
        specs = {"first": self.settings.first, "second": self.settings.second}
        return {
            name: self._given.get(name) or create_solver(spec.solver, spec.settings)
            for name, spec in specs.items()
        }

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this cascade with others in the place of some members, by name."""
        other = type(self)(self.settings)
        other._given = {**self.members, **members}
        other._clock = self._clock
        return other

    @property
    def order_invariant(self) -> bool:
        """Whether the places of the options matter to neither, and time to nothing."""
        both = all(member.describe().order_invariant for member in self.members.values())
        # Which of two equally certain questions comes first hangs on their options' order.
        return both and self.settings.share in (0, 1) and self.settings.time_budget is None

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 over the weights of both solvers."""
        return hash_json([one.describe().weights_hash for one in self.members.values()])

    @property
    def cost(self) -> Cost:
        """The cost is that of both solvers, the second's for a part of the questions."""
        return "cascade"

    def used(self) -> Usage:
        """Return what its solvers have used so far beside time."""
        names = {"first": self.settings.first.name, "second": self.settings.second.name}
        return usage_of_members(
            {f"{place} ({names[place]})": member for place, member in self.members.items()}
        )

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the log-probability of each option, shape `[n_questions, n_options]`.

        A question is truncated if it is for the solver whose scores it has.
        """
        return self._judge(questions).scores

    def choose(self, questions: Sequence[Question]) -> list[int]:
        """Return the places of the questions that the second solver is for, least certain first.

        Only the first solver is asked.
        """
        return self._weigh(questions).chosen

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return the reasons of the solver that decided, and why it was that one."""
        if not questions:
            return []
        judged = self._judge(questions)
        asked = set(judged.asked)
        found: dict[int, Explanation] = {}
        parts = {
            "first": [i for i in range(len(questions)) if i not in asked],
            "second": sorted(asked),
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
                if i in asked
                else spec.first.name,
                judged.certainties[i],
            )
            for i in range(len(questions))
        ]

    def _judge(self, questions: Sequence[Question]) -> _Judged:
        """Return scores; those of the last questions are known."""
        if self._known is not None:
            known, judged = self._known
            if len(known) == len(questions) and all(map(_is, known, questions)):
                return judged
        begin = self._clock()
        weighed = self._weigh(questions)
        logs, truncated, chosen = weighed.logs, weighed.truncated, weighed.chosen
        asked: list[int] = []
        for places, second in self._ask_second(questions, chosen, begin):
            for place, row, cut in zip(places, second.rows(), second.truncated, strict=True):
                logs[place] = self._mix(logs[place], row)
                truncated[place] = cut or (self.settings.weight < 1 and truncated[place])
            asked += places
        self.last = SecondOpinions(len(questions), len(chosen), len(asked))
        if len(asked) < len(chosen):
            _LOG.warning(
                "time budget used up: '%s' rescored %d of %d selected questions, "
                "'%s' alone scored the other %d",
                self.settings.second.name,
                len(asked),
                len(chosen),
                self.settings.first.name,
                len(questions) - len(asked),
            )
        ids = [question.id for question in questions]
        scores = ScoreMatrix.from_rows(ids, logs, truncated)
        judged = _Judged(scores, weighed.certainties, asked)
        self._known = (list(questions), judged)
        return judged

    def _weigh(self, questions: Sequence[Question]) -> _Weighed:
        first = self.members["first"].score(questions)
        logs = [log_probabilities(row, self.settings.temperature) for row in first.rows()]
        certainties = [certainty(row, self.settings.certainty) for row in logs]
        chosen = least_certain(
            questions, certainties, share=self.settings.share, threshold=self.settings.threshold
        )
        return _Weighed(logs, first.truncated.copy(), certainties, chosen)

    def _ask_second(
        self, questions: Sequence[Question], chosen: Sequence[int], begin: float
    ) -> list[tuple[Sequence[int], ScoreMatrix]]:
        """Return what the second solver says, least certain questions first."""
        budget = self.settings.time_budget
        # All at once where there is time: what questions share is then computed once.
        size = self.settings.batch_size if budget is not None else max(1, len(chosen))
        found: list[tuple[Sequence[int], ScoreMatrix]] = []
        longest = 0.0
        for at in range(0, len(chosen), size):
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
