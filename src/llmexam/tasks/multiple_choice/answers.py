"""The stages of a solver in a run: score the exam, explain the scores, rotate the options."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import TypeAdapter

from llmexam.evaluation.position import audit_positions
from llmexam.evaluation.results import PositionAudit
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import Explanation, Solver
from llmexam.solvers.scoring import solve
from llmexam.stages.code import code_hash
from llmexam.stages.stage import StageContext
from llmexam.storage.atomic import write_text
from llmexam.tasks.multiple_choice.scored import ScoredSolver

_EXPLANATIONS = TypeAdapter(tuple[Explanation, ...])


def score(context: StageContext, *, exam: Exam, solver: Solver, file: str) -> ScoreMatrix:
    """Compute the solver's scores, and write them."""
    scores = solve(exam, solver, progress=context.advance)
    path = context.folder / file
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
    found = tuple(solver.explain(exam.questions))
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
    follows = solver.describe().order_invariant
    found = audit_positions(_follow(exam, scores) if follows else solver.score, exam, scores, k=k)
    write_text(context.folder / file, found.model_dump_json(indent=2) + "\n")
    return found


def load_positions(context: StageContext, *, file: str, **inputs: object) -> PositionAudit:
    """Read the position audit of an earlier run."""
    return PositionAudit.model_validate_json((context.folder / file).read_bytes())


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
