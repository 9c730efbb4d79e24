"""Let one solver of a plan score, explain itself, and be graded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from llmexam.evaluation.evaluate import evaluate_scores
from llmexam.evaluation.position import audit_positions
from llmexam.evaluation.results import PositionAudit
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.content import SolverResult
from llmexam.solvers.protocol import Explanation, Solver
from llmexam.solvers.registry import create_solver, solver_entries
from llmexam.storage.atomic import write_text
from llmexam.workflows.plan import Plan, SolverPlan
from llmexam.workflows.provenance import (
    code_hash,
    installed_versions,
    model_versions,
    origin_version,
)
from llmexam.workflows.solve import solve
from llmexam.workflows.stages import Stages

_EXPLANATIONS = TypeAdapter(tuple[Explanation, ...])


def judge_solver(
    planned: SolverPlan, exam: Exam, plan: Plan, stages: Stages, folder: Path
) -> SolverResult:
    """Return all that one solver of the plan gave; what is there already is not done again.

    Args:
        planned: The solver.
        exam: The questions, with their evidence.
        plan: The whole plan.
        stages: The stages of the run.
        folder: The run folder.
    """
    solver = create_solver(planned.solver, planned.settings)
    inputs = {
        "exam": exam.content_hash,
        "solver": planned.solver,
        "settings": planned.settings,
        "weights": getattr(solver, "weights_hash", ""),
        "code": code_hash(),
        "versions": _versions_behind(planned.solver),
    }
    scores = _score(planned.name, solver, exam, inputs, stages, folder)
    explanations = _explain(planned.name, solver, exam, inputs, stages, folder)
    if not exam.is_labelled:
        return SolverResult(planned.name, scores, explanations=explanations)
    position = None
    if plan.evaluation.positions:
        grading = {**inputs, "k": plan.evaluation.k}
        position = _audit(planned.name, solver, exam, scores, grading, stages, folder)
    evaluation = stages.time(
        f"grade {planned.name}",
        lambda: evaluate_scores(
            exam,
            scores,
            name=planned.name,
            k=plan.evaluation.k,
            n_resamples=plan.evaluation.n_resamples,
            seed=plan.seed,
        ),
    )
    return SolverResult(planned.name, scores, evaluation, position, explanations)


def _versions_behind(solver: str) -> dict[str, str]:
    """Return the versions that a solver's scores may depend on, beside llmexam's own code."""
    entry = solver_entries()[solver]
    found = installed_versions() | (model_versions() if entry.extra else {})
    if entry.origin != "llmexam":
        found[entry.origin] = origin_version(entry.origin)
    return found


def _score(
    name: str,
    solver: Solver,
    exam: Exam,
    inputs: dict[str, Any],
    stages: Stages,
    folder: Path,
) -> ScoreMatrix:
    file = f"scores/{name}.parquet"

    def compute() -> ScoreMatrix:
        n_done = 0

        def report(n: int) -> None:
            nonlocal n_done
            n_done += n
            stages.advance(n_done, len(exam))

        scores = solve(exam, solver, progress=report)
        made_by = {"solver": name, "exam_hash": exam.content_hash, "code_hash": code_hash()}
        write_scores(folder / file, scores, made_by)
        return scores

    return stages.run(
        f"score {name}", inputs, [file], compute=compute, load=lambda: read_scores(folder / file)[0]
    )


def _explain(
    name: str,
    solver: Solver,
    exam: Exam,
    inputs: dict[str, Any],
    stages: Stages,
    folder: Path,
) -> tuple[Explanation, ...]:
    path = folder / "explanations" / f"{name}.json"

    def compute() -> tuple[Explanation, ...]:
        found = tuple(solver.explain(exam.questions))
        write_text(path, _EXPLANATIONS.dump_json(found).decode("utf-8"))
        return found

    return stages.run(
        f"explain {name}",
        inputs,
        [f"explanations/{name}.json"],
        compute=compute,
        load=lambda: _EXPLANATIONS.validate_json(path.read_bytes()),
    )


def _audit(
    name: str,
    solver: Solver,
    exam: Exam,
    scores: ScoreMatrix,
    inputs: dict[str, Any],
    stages: Stages,
    folder: Path,
) -> PositionAudit:
    path = folder / "positions" / f"{name}.json"
    score = _follow(exam, scores) if getattr(solver, "order_invariant", False) else solver.score

    def compute() -> PositionAudit:
        found = audit_positions(score, exam, scores, k=inputs["k"])
        write_text(path, found.model_dump_json(indent=2) + "\n")
        return found

    return stages.run(
        f"rotate options for {name}",
        inputs,
        [f"positions/{name}.json"],
        compute=compute,
        load=lambda: PositionAudit.model_validate_json(path.read_bytes()),
    )


def _follow(exam: Exam, scores: ScoreMatrix) -> Callable[[Sequence[Question]], ScoreMatrix]:
    """Return what an order-invariant solver would score, without asking it again.

    `check_solver` holds such solvers to their claim; here their scores just move along with
    the options.
    """
    known = {
        question.id: (question.options, row.tolist())
        for question, row in zip(exam, scores.rows(), strict=True)
    }

    def score(questions: Sequence[Question]) -> ScoreMatrix:
        rows = []
        for question in questions:
            options, row = known[question.id]
            left = list(range(len(options)))
            order = []
            for option in question.options:
                # Repeated texts: each place is used once.
                order.append(next(i for i in left if options[i] == option))
                left.remove(order[-1])
            rows.append([row[i] for i in order])
        return ScoreMatrix.from_rows([q.id for q in questions], rows)

    return score
