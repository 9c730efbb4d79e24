"""Estimate time and memory of a solver on an exam, from a few questions timed on this machine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.parsers import ExamSource
from llmexam.exam.question import Question
from llmexam.retrieval.search import attach_evidence, check_model_is_used
from llmexam.settings.durations import parse_duration
from llmexam.solvers.cascade.certainty import most_asked
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver
from llmexam.tasks.lookup import require_default_task
from llmexam.workflows.estimate.decoder import DecoderReads, predict_decoder
from llmexam.workflows.estimate.prediction import (
    PROCESS,
    RESIDENT,
    WEIGHTS,
    Estimate,
    Prediction,
    Spread,
    hold_to_limit,
)
from llmexam.workflows.estimate.served import predict_served
from llmexam.workflows.estimate.timed import predict_timed

if TYPE_CHECKING:
    from llmexam.solvers.cascade.solver import CascadeSolver
    from llmexam.solvers.served.solver import ServedSolver

# What a cascade's first solver may take to find out which questions the second will be asked.
_CHOOSING_SECONDS = 60.0


def estimate_file(
    exam: str | Path | ExamSource | Exam,
    settings: Mapping[str, Any],
    *,
    solver: str = "causal-lm",
    format: str | None = None,
    indexes: Sequence[str | Path] = (),
    index_model: str | None = None,
    k: int = 4,
    limit: str | None = None,
    n_questions: int | None = None,
    first: str = "lexical",
    samples: Sequence[int] = (4, 16),
    margin: float = 0.1,
) -> Estimate:
    """Read an exam, time a sample of its questions, and return an estimate for all.

    Args:
        exam: An exam, its file, or `bundled`.
        settings: Settings of the solver.
        solver: Name of the solver.
        format: Format of the exam's file.
        indexes: Folders of indexes to find evidence in; with none, only the exam's own passages
            are read.
        index_model: The bi-encoder of a dense index that names one on the hub.
        k: Passages a question then gets.
        limit: What it may take, such as `9h`.
        n_questions: Size of the exam to plan for, if it is another of the same kind.
        first: The solver that would answer all questions in a cascade.
        samples: Numbers of questions to time.
        margin: Part of the time to leave free.

    Raises:
        LlmExamError: The exam, the model or the settings cannot be used.
    """
    if format is None:
        require_default_task(exam, "estimate")
    limit_seconds = parse_duration(limit) if limit is not None else None
    made = create_solver(solver, settings)
    check_model_is_used(indexes, index_model, field="index_model")
    asked = load_exam(exam, format)
    if indexes:
        asked = attach_evidence(asked, indexes, k=k, model=index_model)
    return estimate(
        asked.questions,
        made,
        name=solver,
        first=create_solver(first),
        first_name=first,
        n_questions=n_questions,
        limit_seconds=limit_seconds,
        samples=samples,
        margin=margin,
    )


def estimate(
    questions: Sequence[Question],
    solver: Solver,
    *,
    name: str,
    first: Solver,
    first_name: str = "lexical",
    n_questions: int | None = None,
    limit_seconds: float | None = None,
    samples: Sequence[int] = (4, 16),
    margin: float = 0.1,
) -> Estimate:
    """Return an estimate for an exam, and the part of it that fits into a time limit.

    Args:
        questions: The questions, with their evidence.
        solver: The solver.
        name: What it is called.
        first: What would answer all questions in a cascade, if the solver has no time for all.
        first_name: What that is called.
        n_questions: Size of the exam to plan for; by default that of `questions`.
        limit_seconds: What it may take.
        samples: Numbers of questions to time.
        margin: Part of the time to leave free.

    Raises:
        SettingsError: There are no questions, or a number cannot be.
    """
    if not questions or not samples or min(samples) < 1 or not 0 <= margin < 1:
        raise SettingsError(
            "expected at least one question, samples of 1 or more and a margin below 1"
        )
    wanted = n_questions or len(questions)
    found = predict(questions, solver, name=name, n_questions=n_questions, samples=samples)
    if solver.describe().cost == "cascade" and len(found.stages) == 2:
        one, two = found.stages
        return hold_to_limit(
            found, limit_seconds=limit_seconds, margin=margin, first=one, asked=two
        )
    before = None
    if limit_seconds is not None:
        before = predict(questions, first, name=first_name, n_questions=wanted, samples=samples)
    return hold_to_limit(found, limit_seconds=limit_seconds, margin=margin, first=before)


def predict(
    questions: Sequence[Question],
    solver: Solver,
    *,
    name: str,
    n_questions: int | None = None,
    samples: Sequence[int] = (4, 16),
) -> Prediction:
    """Return the estimated cost of a solver, by the method of its cost model.

    Args:
        questions: The questions, with their evidence.
        solver: The solver.
        name: What it is called.
        n_questions: Size of the exam to plan for; by default that of `questions`.
        samples: Numbers of questions to time.
    """
    cost = solver.describe().cost
    if cost == "decoder":
        reads = DecoderReads(solver.settings.model_dump(exclude_unset=True))
        return predict_decoder(
            questions, reads, name=name, n_questions=n_questions, samples=samples
        )
    if cost == "served":
        return predict_served(
            questions,
            cast("ServedSolver", solver),
            name=name,
            n_questions=n_questions,
            n_sample=max(samples),
        )
    if cost in ("members", "cascade"):
        return _predict_members(
            questions, solver, name=name, n_questions=n_questions, samples=samples
        )
    return predict_timed(questions, solver, name=name, n_questions=n_questions, samples=samples)


def _predict_members(
    questions: Sequence[Question],
    solver: Solver,
    *,
    name: str,
    n_questions: int | None = None,
    samples: Sequence[int] = (4, 16),
) -> Prediction:
    """Return what the solvers take that a solver asks: all of the exam, or a cascade's share."""
    notes = ["its own computation is not included, but is small"]
    if solver.describe().cost == "cascade":
        stages, notes = _predict_cascade(
            questions,
            cast("CascadeSolver", solver),
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
    """Return the memory of members that are loaded at once, and the free memory.

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
