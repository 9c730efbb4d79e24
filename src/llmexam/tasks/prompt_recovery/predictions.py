"""Grade and compare submissions of prompt recovery without a plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llmexam.errors import ExamError
from llmexam.evaluation.grading import compare_fully, evaluate
from llmexam.evaluation.results import Evaluation, FullComparison
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.submission import read_prompts, validate_submission
from llmexam.recovery.wording import is_blank
from llmexam.tasks.capabilities import ExamFile, Grader, Options
from llmexam.tasks.prompt_recovery.diagnostics import diagnostics_of
from llmexam.tasks.prompt_recovery.grading import (
    baselines_of,
    label_rewrites,
    metrics_of,
    resampling_of,
)
from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan, rewrites_path


class RecoveryGrader(Grader[RewriteExam]):
    """Grades prompts by id, submissions, and files of answers of a run."""

    def load(self, exam: RewriteExam | ExamFile) -> RewriteExam:
        """Return rows unchanged, or read them.

        Raises:
            ExamError: The file cannot be read.
        """
        return exam if isinstance(exam, RewriteExam) else load_rows(exam)

    def evaluate(
        self,
        items: RewriteExam,
        prediction: Mapping[str, str] | str | Path,
        *,
        name: str,
        seed: int,
        level: float,
        options: Options,
    ) -> Evaluation:
        """Return all metrics with intervals, baselines and slices.

        Raises:
            ExamError: A prompt of the exam is not known, or a row has no prediction.
            SubmissionError: The submission is not one of this exam.
            ModelError: An embedder cannot be loaded.
        """
        plan = _grading(options)
        require_prompts(items)
        texts = load_prompts(prediction, items)
        resampling = resampling_of(items, plan.n_resamples, seed, level, cluster_by=plan.cluster_by)
        return evaluate(
            metrics_of(plan),
            items,
            texts,
            name=name,
            baselines=baselines_of(plan, items),
            labellings=label_rewrites(items),
            resampling=resampling,
            diagnostics=diagnostics_of(plan, items, texts, resampling),
        )

    def compare(
        self,
        items: RewriteExam,
        a: Mapping[str, str] | str | Path,
        b: Mapping[str, str] | str | Path,
        *,
        name_a: str,
        name_b: str,
        seed: int,
        level: float,
        options: Options,
    ) -> FullComparison:
        """Return the paired comparison; groups of near-equal prompts are resampled as a whole.

        Raises:
            ExamError: A prompt of the exam is not known, or a row has no prediction.
            SubmissionError: A submission is not one of this exam.
            ModelError: An embedder cannot be loaded.
        """
        plan = _grading(options)
        require_prompts(items)
        first, second = load_prompts(a, items), load_prompts(b, items)
        return compare_fully(
            metrics_of(plan),
            items,
            first,
            second,
            name_a=name_a,
            name_b=name_b,
            resampling=resampling_of(
                items,
                plan.n_resamples,
                seed,
                level,
                cluster_by=plan.cluster_by,
                margin=plan.margin,
            ),
            noun="row",
        )

    def check(self, items: RewriteExam, submission: str | Path, *, options: Options) -> int:
        """Check that graders would accept a submission, and return how many prompts it has.

        Raises:
            SubmissionError: Something is wrong; names file, row and field.
        """
        _grading(options)
        return len(validate_submission(submission, items))


def load_rows(file: ExamFile) -> RewriteExam:
    """Return the rows of a file; `bundled` is the sample.

    Raises:
        ExamError: The file cannot be read.
    """
    fields = file.plain_fields()
    return read_rewrites(rewrites_path(file.path), fields=fields, format=file.format)


def load_prompts(prediction: Mapping[str, str] | str | Path, items: RewriteExam) -> list[str]:
    """Return one prompt for each row, in order.

    Args:
        prediction: Prompts by id, or their file: see `read_prompts`.
        items: The rows.

    Raises:
        SubmissionError: The file is not one of these rows.
        ExamError: A row has no prompt or a blank one, or a prompt is of no row.
    """
    if isinstance(prediction, str | Path):
        return list(read_prompts(prediction, items).values())
    missing = next((one for one in items.ids if one not in prediction), None)
    if missing is not None:
        raise ExamError(f"no prompt was recovered for the row with id '{missing}'")
    known = set(items.ids)
    for one, prompt in prediction.items():
        if one not in known:
            raise ExamError(f"the exam has no row with the id '{one}'", hint="Remove its prompt")
        if not isinstance(prompt, str) or is_blank(prompt):
            raise ExamError(
                f"expected a text as prompt of the row with id '{one}', got {prompt!r}",
                hint="Give any text: graders refuse a blank one",
            )
    return [prediction[one] for one in items.ids]


def require_prompts(items: RewriteExam) -> None:
    """Check that there is something to grade by, before anything is loaded.

    Raises:
        ExamError: There are no rows, or a prompt is not known.
    """
    if not len(items.prompts):
        raise ExamError("expected rows to grade, got none", file=items.source or None)


def _grading(options: Options) -> RecoveryGradingPlan:
    return RecoveryGradingPlan.parse(options, subject="the grading of prompt recovery")
