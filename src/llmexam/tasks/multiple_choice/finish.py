"""Combine the solvers of a run, grade the result, and compare it with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from llmexam.ensemble.build import build_ensemble
from llmexam.ensemble.gains import member_gains
from llmexam.evaluation.compare import Prediction, compare_results
from llmexam.evaluation.evaluate import evaluate_scores
from llmexam.evaluation.multiplicity import WITH_FINAL, adjust
from llmexam.evaluation.predictions import name_prediction
from llmexam.evaluation.results import Comparison
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import write_scores
from llmexam.harness.exams import load_answers
from llmexam.report.content import SolverResult
from llmexam.stages.code import code_hash
from llmexam.tasks.multiple_choice.plan import ENSEMBLE_NAME, Plan


def finish(
    plan: Plan, exam: Exam, members: Sequence[SolverResult], folder: Path
) -> tuple[SolverResult, list[SolverResult]]:
    """Return the final result and the members with their weights.

    The solver that the plan names, or one alone, is the final result itself. Others are combined
    as the plan says, and the scores go to `scores/ensemble.parquet`.
    """
    if not plan.combines:
        return next(m for m in members if plan.final in (None, m.name)), list(members)
    matrices = {member.name: member.scores for member in members}
    ensemble = build_ensemble(matrices, plan.ensemble, exam if exam.is_labelled else None)
    write_scores(
        folder / "scores" / f"{ENSEMBLE_NAME}.parquet",
        ensemble.scores,
        {"solver": ENSEMBLE_NAME, "exam_hash": exam.content_hash, "code_hash": code_hash()},
    )
    evaluation = None
    gains: dict[str, Comparison] = {}
    if exam.is_labelled:
        gains = member_gains(
            matrices,
            ensemble,
            plan.ensemble,
            exam,
            k=plan.evaluation.k,
            n_resamples=plan.evaluation.n_resamples,
            seed=plan.seed,
            cluster_by=plan.evaluation.cluster_by,
        )
        evaluation = evaluate_scores(
            exam,
            ensemble.scores,
            name=ENSEMBLE_NAME,
            k=plan.evaluation.k,
            n_resamples=plan.evaluation.n_resamples,
            seed=plan.seed,
            cluster_by=plan.evaluation.cluster_by,
            slice_by=plan.evaluation.slice_by,
        )
    weighted = [
        replace(m, weight=ensemble.weights.get(m.name), gain=gains.get(m.name)) for m in members
    ]
    return SolverResult(ENSEMBLE_NAME, ensemble.scores, evaluation), weighted


def compare_with(
    plan: Plan, exam: Exam, final: SolverResult, members: Sequence[SolverResult]
) -> tuple[Comparison, ...]:
    """Return paired comparisons of the final result with each member and each file of the plan."""
    if not exam.is_labelled:
        return ()
    others: list[tuple[str, Prediction]] = [
        (member.name, member.scores) for member in members if member.name != final.name
    ]
    for path in plan.evaluation.compare:
        others.append((name_prediction(path), load_answers(path, exam)))
    found = [
        compare_results(
            exam,
            final.scores,
            other,
            name_a=final.name,
            name_b=name,
            k=plan.evaluation.k,
            n_resamples=plan.evaluation.n_resamples,
            seed=plan.seed,
            cluster_by=plan.evaluation.cluster_by,
            margin=plan.evaluation.margin,
        )
        for name, other in others
    ]
    return adjust(found, WITH_FINAL)
