"""Grade and compare files of answers to multiple choice without a plan."""

from __future__ import annotations

from pathlib import Path

from llmexam.evaluation.clusters import cluster_exam
from llmexam.evaluation.compare import Prediction, compare_fully
from llmexam.evaluation.evaluate import evaluate_rankings, evaluate_scores
from llmexam.evaluation.grading import Resampling
from llmexam.evaluation.results import Evaluation, FullComparison
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import validate_submission
from llmexam.harness.exams import load_answers, load_exam_or_log
from llmexam.tasks.capabilities import ExamFile, Grader, Options
from llmexam.tasks.multiple_choice.plan import EvaluationPlan


class ChoiceGrader(Grader[Exam]):
    """Grades score matrices, rankings by question id, score files, submissions and logs."""

    def load(self, exam: Exam | ExamFile) -> Exam:
        """Return an exam unchanged, or read it.

        Raises:
            ExamError: The file cannot be read.
            SettingsError: Columns are mapped.
        """
        if isinstance(exam, Exam):
            return exam
        return load_exam_or_log(exam.source)

    def evaluate(
        self,
        items: Exam,
        prediction: Prediction | str | Path,
        *,
        name: str,
        seed: int,
        level: float,
        options: Options,
    ) -> Evaluation:
        """Return all metrics with intervals, baselines, slices and diagnostics.

        Raises:
            ExamError: The exam lacks answers.
            ScoreError: The scores cannot be read or are not those of the exam's questions.
            SubmissionError: The same of a submission.
        """
        predicted, plan = load_answers(prediction, items), _grading(options)
        if isinstance(predicted, ScoreMatrix):
            return evaluate_scores(
                items,
                predicted,
                name=name,
                k=plan.k,
                n_resamples=plan.n_resamples,
                seed=seed,
                level=level,
                cluster_by=plan.cluster_by,
                slice_by=plan.slice_by,
            )
        return evaluate_rankings(
            items,
            predicted,
            name=name,
            k=plan.k,
            n_resamples=plan.n_resamples,
            seed=seed,
            level=level,
            cluster_by=plan.cluster_by,
            slice_by=plan.slice_by,
        )

    def compare(
        self,
        items: Exam,
        a: Prediction | str | Path,
        b: Prediction | str | Path,
        *,
        name_a: str,
        name_b: str,
        seed: int,
        level: float,
        options: Options,
    ) -> FullComparison:
        """Return the paired comparison of two predictions.

        Raises:
            ExamError: The exam lacks answers.
            ScoreError: Scores cannot be read or are not those of the exam's questions.
            SubmissionError: The same of a submission.
        """
        plan = _grading(options)
        return compare_fully(
            items,
            load_answers(a, items),
            load_answers(b, items),
            name_a=name_a,
            name_b=name_b,
            k=plan.k,
            resampling=Resampling(plan.n_resamples, seed, level, margin=plan.margin).by_clusters(
                cluster_exam(items, plan.cluster_by)
            ),
        )

    def check(self, items: Exam, submission: str | Path, *, options: Options) -> int:
        """Check that graders would accept a submission, and return how many predictions it has.

        Raises:
            SubmissionError: Something is wrong; names file, row and field.
        """
        return len(validate_submission(submission, items, k=_grading(options).k))


def _grading(options: Options) -> EvaluationPlan:
    return EvaluationPlan.parse(options, subject="the grading of multiple choice")
