"""The steps of a run that may take long, as messages to the process that does them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmexam.report.content import TimeLimit
from llmexam.stages.record import StageRecord
from llmexam.tasks.plan import RunPlan

NEXT_SUBMISSION = "stages/submission.next.csv"
"""Where the process writes a submission; the main process moves it when it has checked it."""

_NOT_ANSWERS = ("explain", "grade", "rotate", "index", "search")


def solver_of(stage: str) -> str:
    """Return the solver that answers in a stage; empty for another stage.

    >>> solver_of("score lexical"), solver_of("recover with copy"), solver_of("grade lexical")
    ('lexical', 'copy', '')
    """
    before, _, name = stage.rpartition(" ")
    return name if before and not before.startswith(_NOT_ANSWERS) else ""


@dataclass(frozen=True)
class Job:
    """What the process needs to know once.

    Attributes:
        folder: The run folder.
        command: The command that asked for the run, for the report.
        is_command: Whether `llmexam` asked for it, and not a script.
    """

    folder: Path
    command: str
    is_command: bool


@dataclass(frozen=True)
class Step:
    """Base of all steps.

    Attributes:
        plan: The plan.
    """

    plan: RunPlan


@dataclass(frozen=True)
class WriteBaseline(Step):
    """Write the best baseline that is possible in a time; gives a `BaselineDone`.

    Attributes:
        seconds: How long it may take.
        prepared: Whether the items are prepared, so that there may be more evidence.
    """

    seconds: float
    prepared: bool


@dataclass(frozen=True)
class BaselineDone:
    """A baseline.

    Attributes:
        name: What it is called; empty if there is none but the first, which is written already.
        plan: The plan with it as the only solver, or None.
        n_covered: Number of items with better answers than those of the first baseline.
    """

    name: str = ""
    plan: RunPlan | None = None
    n_covered: int = 0


@dataclass(frozen=True)
class Prepare(Step):
    """Search the evidence of the items; gives the content hash of the items with it."""


@dataclass(frozen=True)
class Value(Step):
    """Compute what solvers are worth; gives a `Worth`."""


@dataclass(frozen=True)
class Survey(Step):
    """Find out what the order of the solvers depends on; gives `SolverFacts` by name."""


@dataclass(frozen=True)
class Estimate(Step):
    """Time a solver on a few questions; gives a `Forecast`, or None if it cannot be timed.

    Attributes:
        name: The solver.
    """

    name: str


@dataclass(frozen=True)
class Answer(Step):
    """Let a solver answer, and write the submission of all that have; gives an `Answered`.

    Attributes:
        name: The solver.
        done: Solvers that have answered.
        needs: Those of them whose answers the solver uses.
        best: The combination of them all that is worth most; empty if that is not known.
    """

    name: str
    done: tuple[str, ...]
    needs: frozenset[str]
    best: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answered:
    """A solver has answered.

    Attributes:
        cached: Whether its answers were there from an earlier start.
        seconds: How long it took to answer.
    """

    cached: bool
    seconds: float


@dataclass(frozen=True)
class Finish(Step):
    """Grade the result and write the report; gives the content of the report.

    Attributes:
        asked: The whole plan; `plan` has the solvers that have answered.
        limit: What the time limit left out.
        stages: Time and memory of the stages that were run before.
    """

    asked: RunPlan
    limit: TimeLimit
    stages: tuple[StageRecord, ...]


@dataclass(frozen=True)
class Ready:
    """The process has started, and waits for a step."""


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        stage: Its name.
        n_done: Items done.
        n_all: All items; None if not known.
    """

    stage: str
    n_done: int
    n_all: int | None


@dataclass(frozen=True)
class Reply:
    """How a step ended.

    Attributes:
        value: What came of it; None if it was stopped or failed.
        stopped: Whether it was stopped as the main process asked.
        error: What failed, in one line; empty if nothing did.
        traceback: The traceback of an error that is not the user's; empty otherwise.
        stages: Time and memory of the stages that were run.
    """

    value: Any = None
    stopped: bool = False
    error: str = ""
    traceback: str = ""
    stages: tuple[StageRecord, ...] = ()
