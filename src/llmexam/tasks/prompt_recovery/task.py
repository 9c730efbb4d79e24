"""The task prompt recovery, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from llmexam.errors import ExamError
from llmexam.evaluation.grading import Resampling
from llmexam.evaluation.metrics.metric import Metric
from llmexam.evaluation.results import RecoveryDiagnostics
from llmexam.evaluation.slices import Labelling
from llmexam.exam.audit import Finding
from llmexam.recovery.audit import audit_rewrites
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.submission import write_submission
from llmexam.report.sections.audit import AUDIT
from llmexam.report.sections.comparisons import COMPARISONS
from llmexam.report.sections.provenance import PROVENANCE
from llmexam.report.sections.results import RESULTS
from llmexam.report.sections.score import SCORE
from llmexam.report.sections.section import Section
from llmexam.report.sections.slices import SLICES
from llmexam.report.sections.stages import STAGES
from llmexam.report.sections.time_limit import TIME_LIMIT
from llmexam.stages.stage import Executor
from llmexam.tasks.prompt_recovery.answers import Training, answer_stage, folds_of
from llmexam.tasks.prompt_recovery.auditing import seen_by_models
from llmexam.tasks.prompt_recovery.diagnostics import diagnostics_of, facets_of
from llmexam.tasks.prompt_recovery.grading import (
    baselines_of,
    embedders_of,
    label_rewrites,
    likelihood_of,
    metrics_of,
    resampling_of,
)
from llmexam.tasks.prompt_recovery.limited import LimitedRecovery
from llmexam.tasks.prompt_recovery.plan import RecoveryPlan
from llmexam.tasks.prompt_recovery.results import RecoveryResult, row_grades
from llmexam.tasks.prompt_recovery.row_files import write_row_grades
from llmexam.tasks.prompt_recovery.rows import REWRITES
from llmexam.tasks.prompt_recovery.sections import DISTRIBUTION, FACETS, METRICS
from llmexam.tasks.task import Prepared
from llmexam.tasks.text import TextResult, TextTask


class PromptRecovery(TextTask[RecoveryPlan, RewriteExam]):
    """Recoverers find the prompt of each rewritten text; graded by sharpened cosine."""

    name = "prompt-recovery"
    noun = "row"
    folders: ClassVar[Sequence[str]] = ("answers", "rows")
    plan_class = RecoveryPlan
    limited = LimitedRecovery()
    sections: ClassVar[Sequence[Section[Any]]] = (
        SCORE,
        RESULTS,
        METRICS,
        FACETS,
        DISTRIBUTION,
        COMPARISONS,
        SLICES,
        REWRITES,
        AUDIT,
        TIME_LIMIT,
        STAGES,
        PROVENANCE,
    )

    def __init__(self) -> None:
        # Training rows by what the plan says of them: every step of a run needs them.
        self._training_rows: dict[str, RewriteExam] = {}

    def read(self, plan: RecoveryPlan) -> RewriteExam:
        """Return the rows of the plan's exam."""
        return plan.exam.read_selected()

    def check(self, plan: RecoveryPlan, items: RewriteExam) -> None:
        """Check training rows, folds and embedders before any work.

        Raises:
            LlmExamError: What the run would fail on later.
        """
        self._training(plan, items)
        if items.is_labelled:
            embedders_of(plan.grading)
            likelihood_of(plan.grading)
            facets_of(plan.grading)

    def audit(
        self, plan: RecoveryPlan, items: RewriteExam, stages: Executor
    ) -> tuple[Finding, ...]:
        """Return what is wrong or odd in the rows, and prompts and texts shared with training."""
        train = self._train(plan)

        def find() -> tuple[Finding, ...]:
            return (*seen_by_models(plan, items), *audit_rewrites(items, against=train))

        return stages.time("audit", find)

    def prepare(
        self, plan: RecoveryPlan, items: RewriteExam, stages: Executor, folder: Path
    ) -> Prepared[RewriteExam]:
        """Return the rows as they are, and how recoverers are fitted, for the report."""
        sources = {"embedder": plan.evaluation.embedder}
        train = self._train(plan)
        if train is not None:
            sources["training rows"] = f"{len(train):,} of {train.source}"
        if plan.folds is not None:
            n = int(folds_of(items, plan.folds).max()) + 1
            sources["folds"] = f"{n} by {plan.folds.by}, seed {plan.folds.seed}"
        return Prepared(items, sources)

    def answer(
        self, plan: RecoveryPlan, items: RewriteExam, stages: Executor, folder: Path
    ) -> list[TextResult]:
        """Return the prompts that each recoverer found, graded."""
        training = self._training(plan, items)
        found: list[TextResult] = []
        for planned in plan.recoverers:
            file = f"{self.folders[0]}/{planned.name}.json"
            recoveries, usage = stages.run(answer_stage(planned, items, training, file))
            texts = tuple(one.text for one in recoveries)
            evaluation = self.grade(plan, planned.name, items, texts, stages)
            rows = row_grades(plan.grading, items, texts) if evaluation else None
            if rows is not None:
                kept = f"{self.folders[1]}/{planned.name}.json"
                write_row_grades(folder / kept, rows)
                stages.record(f"grade rows of {planned.name}", [kept])
            found.append(RecoveryResult(planned.name, texts, evaluation, usage, recoveries, rows))
        return found

    def metrics(self, plan: RecoveryPlan) -> Sequence[Metric[RewriteExam, Sequence[str]]]:
        """Return the metrics, the sharpened cosine first."""
        return metrics_of(plan.grading)

    def baselines(self, plan: RecoveryPlan, items: RewriteExam) -> Mapping[str, Sequence[str]]:
        """Return the usual constant, and the best constant."""
        return baselines_of(plan.grading, items)

    def labellings(self, items: RewriteExam) -> Iterable[Labelling]:
        """Return what the report slices the rows by."""
        return label_rewrites(items)

    def diagnostics(
        self, plan: RecoveryPlan, items: RewriteExam, texts: Sequence[str]
    ) -> RecoveryDiagnostics:
        """Return what models truncate, and which facets are recovered."""
        return diagnostics_of(plan.grading, items, texts, self.resampling(plan, items))

    def resampling(self, plan: RecoveryPlan, items: RewriteExam) -> Resampling:
        """Return intervals that resample whole groups of near-equal prompts, or other clusters."""
        grading = plan.evaluation
        return resampling_of(
            items,
            grading.n_resamples,
            plan.seed,
            cluster_by=grading.cluster_by,
            margin=grading.margin,
        )

    def write_submission(
        self, plan: RecoveryPlan, items: RewriteExam, final: TextResult, path: Path
    ) -> None:
        """Write a CSV file with the columns id and rewrite_prompt."""
        write_submission(path, items.ids, final.texts)

    def _train(self, plan: RecoveryPlan) -> RewriteExam | None:
        """Return the training rows of the plan, read once."""
        if plan.train is None:
            return None
        key = plan.train.model_dump_json()
        if key not in self._training_rows:
            self._training_rows[key] = plan.train.read_selected()
        return self._training_rows[key]

    def _training(self, plan: RecoveryPlan, items: RewriteExam) -> Training:
        """Return what recoverers are fitted on.

        Raises:
            ExamError: A file cannot be read, a prompt is not known, or folds cannot be made.
        """
        rows = self._train(plan)
        if rows is not None and not rows.is_labelled:
            raise ExamError(
                "expected rows with known prompts",
                file=rows.source,
                field="rewrite_prompt",
                hint="Give training files with a column rewrite_prompt",
            )
        if plan.folds is None:
            return Training(rows)
        if not items.is_labelled:
            raise ExamError(
                "folds need an exam with known prompts",
                file=items.source,
                field="folds",
                hint="Give `train` instead of `folds`",
            )
        return Training(rows, folds_of(items, plan.folds), plan.folds.by == "prompt")
