"""What a solver takes that asks others: what these take, together in one process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from llmexam.exam.question import Question
from llmexam.solvers.cascade.certainty import most_asked
from llmexam.solvers.protocol import Solver
from llmexam.workflows.estimate.prediction import (
    PROCESS,
    RESIDENT,
    WEIGHTS,
    Prediction,
    Spread,
)

if TYPE_CHECKING:
    from llmexam.solvers.cascade.solver import CascadeSolver

# What a cascade's first solver may take to find out which questions the second will be asked.
_CHOOSING_SECONDS = 60.0


class Predict(Protocol):
    """`workflows.estimate.predict`."""

    def __call__(
        self,
        questions: Sequence[Question],
        solver: Solver,
        *,
        name: str,
        n_questions: int | None = None,
        samples: Sequence[int] = (4, 16),
    ) -> Prediction:
        """Return what a solver takes for an exam."""
        ...


def predict_members(
    questions: Sequence[Question],
    solver: Solver,
    predict: Predict,
    *,
    name: str,
    n_questions: int | None = None,
    samples: Sequence[int] = (4, 16),
) -> Prediction:
    """Return what the solvers take that a solver asks: all of the exam, or a cascade's share.

    Args:
        questions: The questions, with their evidence.
        solver: The solver.
        predict: What predicts each of its members.
        name: What it is called.
        n_questions: Size of the exam to plan for; by default that of `questions`.
        samples: Numbers of questions to time.
    """
    notes = ["its own computation is not included, but is small"]
    if solver.describe().cost == "cascade":
        stages, notes = _predict_cascade(
            questions,
            cast("CascadeSolver", solver),
            predict,
            n_questions=n_questions,
            samples=samples,
        )
    else:
        stages = [
            predict(questions, member, name=place, n_questions=n_questions, samples=samples)
            for place, member in solver.describe().members.items()
        ]
    moving = Spread.exact(0.0)
    for stage in stages:
        moving += stage.moving
    memory, free = together(stages)
    return Prediction(
        name,
        n_questions or len(questions),
        fixed_seconds=sum(stage.fixed_seconds for stage in stages),
        moving=moving,
        memory=memory,
        available_bytes=free,
        notes=tuple(notes),
        within_budget=all(stage.within_budget for stage in stages),
        stages=tuple(stages),
    )


def together(stages: Sequence[Prediction]) -> tuple[dict[str, int], int]:
    """Return the memory of members that are loaded at once, and what is free for them.

    All weights stay; of what else each takes, the largest is enough, for they compute one after
    the other. Where some are on a card and some are not, it is the memory that is fuller.
    """
    here = [stage for stage in stages if any(name in stage.memory for name in RESIDENT)]
    card = [stage for stage in stages if stage.memory and stage not in here]
    found: list[tuple[dict[str, int], int]] = []
    for group in (here, card):
        if not group:
            continue
        memory: dict[str, int] = {}
        for stage in group:
            for part, size in stage.memory.items():
                before = memory.get(part, 0)
                memory[part] = before + size if part == WEIGHTS else max(before, size)
        # Two names for one process: Python is in it once.
        if all(part in memory for part in RESIDENT):
            memory[PROCESS] = max(memory.pop(part) for part in RESIDENT)
        found.append((memory, min(stage.available_bytes for stage in group)))
    return max(found, key=lambda one: sum(one[0].values()) / max(one[1], 1), default=({}, 0))


def _predict_cascade(
    questions: Sequence[Question],
    cascade: CascadeSolver,
    predict: Predict,
    *,
    n_questions: int | None,
    samples: Sequence[int],
) -> tuple[list[Prediction], list[str]]:
    """Return the predictions of both solvers, and what should be known."""
    spec = cascade.settings
    notes = [f"the second solver scores at most {spec.share:.1%} of the questions"]
    if spec.time_budget is not None:
        notes.append(f"time_budget stops it after {spec.time_budget:g} s")
    first, second = cascade.members["first"], cascade.members["second"]
    stages = [
        predict(questions, first, name=spec.first.name, n_questions=n_questions, samples=samples)
    ]
    wanted = n_questions or len(questions)
    size = most_asked(spec.share, wanted)
    asked, most = questions, tuple(samples)
    if size and second.describe().costs_money:
        most = tuple(min(sample, size) for sample in samples)
        seconds = stages[0].moving.high * len(questions) / wanted
        if first.describe().costs_money or seconds > _CHOOSING_SECONDS:
            if size < wanted or spec.threshold is not None:
                notes.append(
                    "which questions the second solver scores is known only after "
                    "the first has scored all, so the run may send other questions "
                    "than this estimate did"
                )
        else:
            # Answers to these are what the run asks for.
            asked = [questions[place] for place in cascade.choose(questions)]
            size = min(size, math.ceil(len(asked) * wanted / len(questions)))
    if size:
        stages.append(predict(asked, second, name=spec.second.name, n_questions=size, samples=most))
    return stages, notes
