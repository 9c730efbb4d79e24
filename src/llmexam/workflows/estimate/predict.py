"""How long an exam will take and how much memory, from a few questions timed on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.question import Question
from llmexam.retrieval.search import attach_evidence, check_model_is_used
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver
from llmexam.workflows.estimate.decoder import DecoderReads
from llmexam.workflows.estimate.members import predict_members
from llmexam.workflows.estimate.prediction import Estimate, Prediction, hold_to_limit
from llmexam.workflows.estimate.served import predict_served
from llmexam.workflows.estimate.text import parse_duration
from llmexam.workflows.estimate.timed import predict_timed
from llmexam.workflows.estimate.tokens import predict_decoder

if TYPE_CHECKING:
    from llmexam.solvers.served.solver import ServedSolver


def estimate_file(
    exam: str | Path | Exam,
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
    """Read an exam, time a few of its questions, and say what all would take.

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
    """Return what an exam will take, from its own questions, and what part of it fits a limit.

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
    """Return what a solver takes for an exam, in the way that suits it.

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
        return predict_members(
            questions, solver, predict, name=name, n_questions=n_questions, samples=samples
        )
    return predict_timed(questions, solver, name=name, n_questions=n_questions, samples=samples)
