"""Run and grade the solvers of a plan: scores, explanations and position audits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from llmexam.evaluation.evaluate import evaluate_scores
from llmexam.evaluation.results import PositionAudit
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import read_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.loading import identify_model
from llmexam.report.content import SolverResult
from llmexam.settings.walk import model_of, with_hashes
from llmexam.solvers.protocol import Explanation, Solver
from llmexam.solvers.registry import create_solver, solver_entries
from llmexam.stages.stage import Executor, Keyed, Stage
from llmexam.stages.versions import installed_versions, model_versions, origin_versions
from llmexam.tasks.multiple_choice import answers
from llmexam.tasks.multiple_choice.answers import modules_behind_solver
from llmexam.tasks.multiple_choice.plan import Plan, SolverPlan
from llmexam.tasks.multiple_choice.scored import ScoredSolver, alike, with_scored
from llmexam.training.curve_file import read_curve

Result = TypeVar("Result")


def judge_all(plan: Plan, exam: Exam, stages: Executor, folder: Path) -> list[SolverResult]:
    """Return the result of each solver, in the order of the plan.

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
    planned: SolverPlan, solver: Solver, exam: Exam, plan: Plan, stages: Executor, folder: Path
) -> SolverResult:
    """Return the result of one solver of the plan, from cached stages where possible.

    Args:
        planned: The solver.
        solver: The same, made.
        exam: The questions, with their evidence.
        plan: The whole plan.
        stages: The stages of the run.
        folder: The run folder.
    """
    judging = _Judging(planned, solver, exam, stages, folder)
    scores = judging.score()
    explanations = judging.explain() if plan.evaluation.explanations else ()
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
            cluster_by=grading.cluster_by,
            slice_by=grading.slice_by,
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
    """The stages of one solver."""

    def __init__(
        self, planned: SolverPlan, solver: Solver, exam: Exam, stages: Executor, folder: Path
    ) -> None:
        self._name = planned.name
        self._stages = stages
        self._folder = folder
        self._solver = solver
        self._description = solver.describe()
        self._code = modules_behind_solver(solver)
        # The object does not tell its key: its name, settings, weights and packages do.
        key = {
            "solver": planned.solver,
            "settings": planned.settings,
            "weights": self._description.weights_hash,
            "versions": _versions_behind(planned.solver),
        }
        self._inputs = {"exam": exam, "solver": Keyed(solver, key)}
        # Settings that change no score may change what is shown, such as how many sentences.
        self._shown = with_hashes(planned.settings, identify_model).model_dump(mode="json")

    def score(self) -> ScoreMatrix:
        """Return the solver's scores of the exam."""
        return self._run("score", answers.score, answers.load_scores, "scores/{}.parquet")

    def usage(self) -> str:
        """Return the usage of the solver in this run or, for cached scores, in the earlier one."""
        path = self._folder / f"scores/{self._name}.parquet"
        return str(self._solver.used()) or read_scores(path)[1].get("usage", "")

    def explain(self) -> tuple[Explanation, ...]:
        """Return the solver's explanations."""
        return self._run(
            "explain",
            answers.explain,
            answers.load_explanations,
            "explanations/{}.json",
            shown=Keyed(None, self._shown),
        )

    def audit(self, scores: ScoreMatrix, k: int) -> PositionAudit:
        """Return the position audit: the effect of rotating the options."""
        return self._run(
            "rotate options for",
            answers.rotate,
            answers.load_positions,
            "positions/{}.json",
            scores=Keyed(scores, None),
            k=k,
        )

    def _run(
        self,
        what: str,
        function: Callable[..., Result],
        load: Callable[..., Result],
        output: str,
        **inputs: Any,
    ) -> Result:
        file = output.format(self._name)
        return self._stages.run(
            Stage(
                name=f"{what} {self._name}",
                function=function,
                load=load,
                inputs={**self._inputs, **inputs, "file": Keyed(file, None)},
                outputs=[file],
                code=self._code,
            )
        )


def _versions_behind(solver: str) -> dict[str, str]:
    """Return the versions that a solver's scores may depend on, beside llmexam's own code."""
    entry = solver_entries()[solver]
    found = installed_versions() | (model_versions() if entry.extra else {})
    return found | origin_versions(entry.target.partition(":")[0])
