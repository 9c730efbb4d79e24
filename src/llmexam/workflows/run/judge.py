"""Let one solver of a plan score, explain itself, and be graded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from llmexam.evaluation.evaluate import evaluate_scores
from llmexam.evaluation.position import audit_positions
from llmexam.evaluation.results import PositionAudit
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.loading import identify_model
from llmexam.report.content import SolverResult
from llmexam.settings.walk import key_values, model_of, with_hashes
from llmexam.solvers.protocol import Explanation, Solver
from llmexam.solvers.registry import create_solver, solver_entries
from llmexam.solvers.scoring import solve
from llmexam.stages.code import code_hash
from llmexam.stages.stages import Stages
from llmexam.stages.versions import installed_versions, model_versions, origin_version
from llmexam.storage.atomic import write_text
from llmexam.training.curve_file import read_curve
from llmexam.workflows.run.plan import Plan, SolverPlan
from llmexam.workflows.run.scored import ScoredSolver, alike, with_scored

Result = TypeVar("Result")

_EXPLANATIONS = TypeAdapter(tuple[Explanation, ...])


def judge_all(plan: Plan, exam: Exam, stages: Stages, folder: Path) -> list[SolverResult]:
    """Return what each solver of the plan gave, in the plan's order.

    Solvers that ask others come after all others: what they ask for is there by then, and no
    solver of the plan scores a question twice.

    Args:
        plan: The plan.
        exam: The questions, with their evidence.
        stages: The stages of the run.
        folder: The run folder.
    """
    made = {one.name: create_solver(one.solver, one.settings) for one in plan.solvers}
    members = [member for solver in made.values() for member in solver.describe().members.values()]
    asking = {name for name, solver in made.items() if solver.describe().members}
    done: dict[str, SolverResult] = {}
    scored: list[ScoredSolver] = []
    for planned in sorted(plan.solvers, key=lambda one: one.name in asking):
        # Not kept: a model may hold gigabytes, and most are not asked again.
        solver = with_scored(made.pop(planned.name), scored)
        result = judge_solver(planned, solver, exam, plan, stages, folder)
        done[planned.name] = result
        if any(alike(solver, member) for member in members):
            scored.append(ScoredSolver(solver, exam, result.scores))
    return [done[planned.name] for planned in plan.solvers]


def judge_solver(
    planned: SolverPlan, solver: Solver, exam: Exam, plan: Plan, stages: Stages, folder: Path
) -> SolverResult:
    """Return all that one solver of the plan gave; what is there already is not done again.

    Args:
        planned: The solver.
        solver: The same, made.
        exam: The questions, with their evidence.
        plan: The whole plan.
        stages: The stages of the run.
        folder: The run folder.
    """
    judging = _Judging(planned, solver, exam, stages, folder)
    scores, explanations = judging.score(), judging.explain()
    model = model_of(planned.settings)
    curve = read_curve(model) if model is not None else ()
    if not exam.is_labelled:
        return SolverResult(
            planned.name, scores, explanations=explanations, curve=curve, usage=judging.usage()
        )
    grading = plan.evaluation
    position = judging.audit(scores, grading.k) if grading.positions else None
    evaluation = stages.time(
        f"grade {planned.name}",
        lambda: evaluate_scores(
            exam,
            scores,
            name=planned.name,
            k=grading.k,
            n_resamples=grading.n_resamples,
            seed=plan.seed,
        ),
    )
    return SolverResult(
        planned.name,
        scores,
        evaluation,
        position,
        explanations,
        curve=curve,
        usage=judging.usage(),
    )


class _Judging:
    """The stages of one solver: each keyed by exam, settings, weights and code."""

    def __init__(
        self, planned: SolverPlan, solver: Solver, exam: Exam, stages: Stages, folder: Path
    ) -> None:
        self._name = planned.name
        self._settings = planned.settings
        self._exam = exam
        self._stages = stages
        self._folder = folder
        self._solver = solver
        self._description = description = solver.describe()
        self._code = code_hash(*_modules_behind(solver))
        self._inputs = {
            "exam": exam.content_hash,
            "solver": planned.solver,
            "settings": key_values(planned.settings, identify_model),
            "weights": description.weights_hash,
            "code": self._code,
            "versions": _versions_behind(planned.solver),
        }

    def score(self) -> ScoreMatrix:
        def compute(path: Path) -> ScoreMatrix:
            scores = solve(self._exam, self._solver, progress=self._stages.advance)
            made_by = {"solver": self._name, "exam_hash": self._exam.content_hash}
            used = {"usage": str(self._solver.used()), "code_hash": self._code}
            write_scores(path, scores, {**made_by, **used})
            return scores

        file = f"scores/{self._name}.parquet"
        return self._run("score", file, {}, compute, lambda path: read_scores(path)[0])

    def usage(self) -> str:
        """Return what the solver has used in this run, else what its scores took in an earlier."""
        path = self._folder / f"scores/{self._name}.parquet"
        return str(self._solver.used()) or read_scores(path)[1].get("usage", "")

    def explain(self) -> tuple[Explanation, ...]:
        def compute(path: Path) -> tuple[Explanation, ...]:
            found = tuple(self._solver.explain(self._exam.questions))
            write_text(path, _EXPLANATIONS.dump_json(found).decode("utf-8"))
            return found

        def load(path: Path) -> tuple[Explanation, ...]:
            return _EXPLANATIONS.validate_json(path.read_bytes())

        # Settings that change no score may change what is shown, such as the number of sentences.
        shown = with_hashes(self._settings, identify_model).model_dump(mode="json")
        file = f"explanations/{self._name}.json"
        return self._run("explain", file, {"shown": shown}, compute, load)

    def audit(self, scores: ScoreMatrix, k: int) -> PositionAudit:
        def compute(path: Path) -> PositionAudit:
            follows = self._description.order_invariant
            score = _follow(self._exam, scores) if follows else self._solver.score
            found = audit_positions(score, self._exam, scores, k=k)
            write_text(path, found.model_dump_json(indent=2) + "\n")
            return found

        def load(path: Path) -> PositionAudit:
            return PositionAudit.model_validate_json(path.read_bytes())

        file = f"positions/{self._name}.json"
        return self._run("rotate options for", file, {"k": k}, compute, load)

    def _run(
        self,
        what: str,
        file: str,
        more: dict[str, Any],
        compute: Callable[[Path], Result],
        load: Callable[[Path], Result],
    ) -> Result:
        path = self._folder / file
        return self._stages.run(
            f"{what} {self._name}",
            {**self._inputs, **more},
            [file],
            compute=lambda: compute(path),
            load=lambda: load(path),
        )


def _modules_behind(solver: Solver) -> list[str]:
    """Return the modules whose code decides a solver's scores: its own and its members'."""
    inside = solver.solver if isinstance(solver, ScoredSolver) else solver
    found = [type(inside).__module__, solve.__module__]
    for member in inside.describe().members.values():
        found += _modules_behind(member)
    return found


def _versions_behind(solver: str) -> dict[str, str]:
    """Return the versions that a solver's scores may depend on, beside llmexam's own code."""
    entry = solver_entries()[solver]
    found = installed_versions() | (model_versions() if entry.extra else {})
    if entry.origin != "llmexam":
        found[entry.origin] = origin_version(entry.origin)
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
