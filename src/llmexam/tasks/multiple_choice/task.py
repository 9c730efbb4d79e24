"""The task multiple choice, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter

from llmexam.errors import ExamError, SettingsError
from llmexam.evaluation.alignment import require_answers
from llmexam.evaluation.clusters import PASSAGE, cluster_exam
from llmexam.evaluation.macro import slice_values_of
from llmexam.evaluation.results import Comparison
from llmexam.exam.audit import Finding
from llmexam.exam.audit.audit import audit_exam
from llmexam.exam.exam import Exam
from llmexam.exam.submission import write_submission
from llmexam.harness.exams import load_answers
from llmexam.report.content import ReportContent, SolverResult
from llmexam.report.sections.registry import CHOICE_SECTIONS
from llmexam.retrieval.gather import gather_evidence, missing_evidence, require_evidence
from llmexam.retrieval.same_evidence import check_evidence
from llmexam.sample import exam_path
from llmexam.solvers.registry import create_solver
from llmexam.stages.stage import Executor, Keyed, Stage, StageContext
from llmexam.storage.atomic import write_text
from llmexam.storage.hashing import hash_file
from llmexam.tasks.multiple_choice.finish import compare_with, finish
from llmexam.tasks.multiple_choice.judge import judge_all
from llmexam.tasks.multiple_choice.limited import LimitedChoice
from llmexam.tasks.multiple_choice.plan import Plan
from llmexam.tasks.task import Prepared, Task

_AUDIT = "audit.json"
_FINDINGS = TypeAdapter(tuple[Finding, ...])


class MultipleChoice(Task[Plan, Exam, SolverResult]):
    """Solvers rank the options of each question, with evidence; rankings are graded by MAP@k."""

    name = "multiple-choice"
    noun = "question"
    plan_class = Plan
    limited = LimitedChoice()
    sections = CHOICE_SECTIONS
    folders: ClassVar[Sequence[str]] = ("scores", "explanations", "positions")

    def read(self, plan: Plan) -> Exam:
        """Return the exam."""
        return plan.exam.read_selected()

    def check(self, plan: Plan, items: Exam) -> None:
        """Check files, indexes and solvers of the plan before anything runs.

        Raises:
            LlmExamError: What the run would fail on later.
        """
        if plan.ensemble.is_fitted and plan.combines:
            require_answers(items)
        _audited_against(plan)
        for other in plan.evaluation.compare:
            load_answers(other, items)
        _check_groups(plan, items)
        require_evidence(plan.evidence)
        made = [(one.name, create_solver(one.solver, one.settings)) for one in plan.solvers]
        check_evidence(made, plan.evidence, items)

    def audit(self, plan: Plan, items: Exam, stages: Executor) -> tuple[Finding, ...]:
        """Return the findings of the data audit, including overlap with the plan's files."""
        against = _audited_against(plan)
        # A finding may name a column of the exam, and names the other files.
        columns = sorted({name for question in items for name in question.metadata})
        return stages.run(
            Stage(
                name="audit",
                function=_audit_exam,
                load=_load_audit,
                inputs={
                    "exam": Keyed(items, [items.content_hash, columns]),
                    "against": Keyed(against, [[path, hash_file(path)] for path in against]),
                    "seed": plan.seed,
                },
                outputs=[_AUDIT],
                code=[audit_exam.__module__],
            )
        )

    def prepare(self, plan: Plan, items: Exam, stages: Executor, folder: Path) -> Prepared[Exam]:
        """Return the exam with its evidence."""
        found, sources = gather_evidence(plan.evidence, items, stages, folder)
        made = [(one.solver, create_solver(one.solver, one.settings)) for one in plan.solvers]
        readers = [name for name, solver in made if solver.describe().reads_passages]
        return Prepared(found, sources, missing_evidence(found, readers))

    def answer(
        self, plan: Plan, items: Exam, stages: Executor, folder: Path
    ) -> Sequence[SolverResult]:
        """Return the result of each solver."""
        return judge_all(plan, items, stages, folder)

    def combine(
        self,
        plan: Plan,
        items: Exam,
        results: Sequence[SolverResult],
        stages: Executor,
        folder: Path,
    ) -> tuple[SolverResult, Sequence[SolverResult]]:
        """Return the ensemble or the plan's final solver, and all solvers with their weights."""
        final, weighted = finish(plan, items, results, folder)
        if plan.combines:
            stages.record("combine", [f"scores/{final.name}.parquet"])
        return final, weighted

    def compare(
        self, plan: Plan, items: Exam, final: SolverResult, results: Sequence[SolverResult]
    ) -> tuple[Comparison, ...]:
        """Return comparisons of the final result with each solver and each file of the plan."""
        return compare_with(plan, items, final, results)

    def write_submission(self, plan: Plan, items: Exam, final: SolverResult, path: Path) -> None:
        """Write up to k ranked letters per question."""
        write_submission(path, final.scores, k=plan.evaluation.k)

    def content(self, **values: Any) -> ReportContent:
        """Return the content of the report."""
        return ReportContent(**values)


def _check_groups(plan: Plan, items: Exam) -> None:
    """Check that the exam has the clusters and the slices of the plan.

    Raises:
        SettingsError: It has not, or the plan drops the passages that define them.
        ExamError: The file of clusters cannot be read.
    """
    cluster_by = plan.evaluation.cluster_by
    if cluster_by == PASSAGE and plan.evidence.given == "drop":
        raise SettingsError(
            "clusters by passage need the passages that the plan drops",
            field="evaluation.cluster_by",
            hint="Set `evidence.given` to keep or append, or cluster by a metadata field",
        )
    cluster_exam(items, cluster_by)
    if plan.evaluation.slice_by is not None:
        slice_values_of(items, plan.evaluation.slice_by)


def _audited_against(plan: Plan) -> list[str]:
    """Return the files that the exam should share no questions with.

    Raises:
        ExamError: One is not there.
    """
    paths = [exam_path(path) for path in plan.audit_against]
    for path in paths:
        if not path.is_file():
            raise ExamError("file not found", file=path, field="audit_against")
    return [str(path) for path in paths]


def _audit_exam(
    context: StageContext, *, exam: Exam, against: Sequence[str], seed: int
) -> tuple[Finding, ...]:
    found = audit_exam(exam, against=against, seed=seed).findings
    write_text(context.folder / _AUDIT, _FINDINGS.dump_json(found, indent=2).decode("utf-8"))
    return found


def _load_audit(context: StageContext, **inputs: object) -> tuple[Finding, ...]:
    return _FINDINGS.validate_json((context.folder / _AUDIT).read_bytes())
