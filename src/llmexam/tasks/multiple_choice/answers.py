"""The stages of a solver in a run: score the exam, explain the scores, rotate the options."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from llmexam.evaluation.position import audit_positions
from llmexam.evaluation.results import PositionAudit
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.score_parts import ScoreParts
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import Explanation, Solver
from llmexam.solvers.scoring import solve, solve_in_parts
from llmexam.solvers.sharded import explain_in_shards, score_in_shards, why_not_in_shards
from llmexam.stages.code import code_hash
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.stage import StageContext
from llmexam.storage.atomic import write_text
from llmexam.storage.hashing import hash_json
from llmexam.tasks.multiple_choice.scored import ScoredSolver

_EXPLANATIONS = TypeAdapter(tuple[Explanation, ...])


def score(context: StageContext, *, exam: Exam, solver: Solver, file: str) -> ScoreMatrix:
    """Compute the solver's scores, and write them."""
    path = context.folder / file
    if context.parts is None:
        scores = _scores(context, exam, solver, path.stem)
    else:
        parts = ScoreParts(context.parts, exam.ids)
        scores = solve_in_parts(exam, solver, parts, progress=context.advance)
    told = {
        "solver": path.stem,
        "exam_hash": exam.content_hash,
        "usage": str(solver.used()),
        "code_hash": code_hash(*modules_behind_solver(solver)),
    }
    write_scores(path, scores, told)
    return scores


def load_scores(context: StageContext, *, file: str, **inputs: object) -> ScoreMatrix:
    """Read the scores of an earlier run."""
    return read_scores(context.folder / file)[0]


def explain(
    context: StageContext, *, exam: Exam, solver: Solver, file: str, shown: object
) -> tuple[Explanation, ...]:
    """Compute the solver's explanations, and write them."""
    cluster = _cluster_for(context, solver)
    if cluster is None:
        found = tuple(solver.explain(exam.questions))
    else:
        found = tuple(
            explain_in_shards(
                exam.questions,
                solver,
                cluster,
                context.folder / context.shards,
                name=f"explanations of {Path(file).stem}",
                progress=context.advance,
            )
        )
    write_text(context.folder / file, _EXPLANATIONS.dump_json(found).decode("utf-8"))
    return found


def load_explanations(
    context: StageContext, *, file: str, **inputs: object
) -> tuple[Explanation, ...]:
    """Read the explanations of an earlier run."""
    return _EXPLANATIONS.validate_json((context.folder / file).read_bytes())


def rotate(
    context: StageContext, *, exam: Exam, solver: Solver, scores: ScoreMatrix, k: int, file: str
) -> PositionAudit:
    """Run the position audit of a solver, and write the result."""
    if solver.describe().order_invariant:
        score_again = _follow(exam, scores)
    else:
        turns = itertools.count(1)

        def score_again(questions: Sequence[Question]) -> ScoreMatrix:
            name = f"{Path(file).stem}, options rotated by {next(turns)}"
            return _scores(context, Exam(tuple(questions)), solver, name)

    found = audit_positions(score_again, exam, scores, k=k)
    write_text(context.folder / file, found.model_dump_json(indent=2) + "\n")
    return found


def load_positions(context: StageContext, *, file: str, **inputs: object) -> PositionAudit:
    """Read the position audit of an earlier run."""
    return PositionAudit.model_validate_json((context.folder / file).read_bytes())


def _scores(context: StageContext, exam: Exam, solver: Solver, name: str) -> ScoreMatrix:
    cluster = _cluster_for(context, solver)
    if cluster is None:
        return solve(exam, solver, progress=context.advance)
    return score_in_shards(
        exam.questions,
        solver,
        cluster,
        # Rotations have folders of their own.
        context.folder / context.shards / hash_json(name)[:8],
        name=f"scores of {name}",
        progress=context.advance,
    )


def _cluster_for(context: StageContext, solver: Solver) -> Cluster | None:
    """Return the cluster of the run, if the solver can score in shards; tell if it cannot."""
    if context.cluster is None:
        return None
    reason = why_not_in_shards(solver)
    if not reason:
        return context.cluster
    context.cluster.tell(f"{type(solver).__name__} runs in this process: {reason}")
    return None


def modules_behind_solver(solver: Solver) -> list[str]:
    """Return the modules that a solver's scores depend on: its own and its members'."""
    inside = solver.solver if isinstance(solver, ScoredSolver) else solver
    found = [type(inside).__module__]
    for member in inside.describe().members.values():
        found += modules_behind_solver(member)
    return found


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
