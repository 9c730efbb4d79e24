"""Results of a training run: metrics before and after, baselines, and confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from llmexam.ensemble.build import build_ensemble
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.errors import UntrainedModelError
from llmexam.evaluation.compare import compare_results
from llmexam.evaluation.evaluate import evaluate_scores
from llmexam.evaluation.metrics.metric import describe
from llmexam.evaluation.metrics.registry import choice_metrics
from llmexam.evaluation.results import MetricInfo, MetricResult
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.registry import create_solver
from llmexam.training.folds import score_with
from llmexam.training.keras_base.settings import KerasTrainingSettings
from llmexam.training.ranker.settings import RankerTrainingSettings
from llmexam.training.registry import trained_solver, trained_task
from llmexam.training.settings import TrainingSettings
from llmexam.workflows.train.recipe import Recipe

K = 3
METRIC = describe(choice_metrics(K)[0])
"""The primary metric of trainings on questions."""
_PROMPT_LOSS = MetricInfo(
    name="loss",
    label="loss",
    explanation="The mean cross-entropy of a token of the true prompt, in nats; it selects the "
    "best step. A run with the recoverer fine-tuned grades the prompts that the model writes.",
    higher_is_better=False,
    bounds=(0.0, None),
)
_PROMPT_RANK = MetricInfo(
    name="mrr",
    label="MRR",
    explanation="The mean reciprocal rank of the true prompt among the candidates of a dev row; it "
    "selects the best step.",
    higher_is_better=True,
    bounds=(0.0, 1.0),
)
_METRICS = {
    "keras-recoverer": _PROMPT_LOSS,
    "recoverer": _PROMPT_LOSS,
    "prompt-reranker": _PROMPT_RANK,
}


def metric_of(recipe: Recipe) -> MetricInfo:
    """Return the metric that selects the best step of a training."""
    return _METRICS.get(recipe.family, METRIC)


def noun_of(recipe: Recipe) -> str:
    """Return what one training item is called."""
    return "row" if trained_task(recipe.family) == "prompt-recovery" else "question"


def score_before(recipe: Recipe, exams: Mapping[str, Exam]) -> dict[str, ScoreMatrix]:
    """Return the scores of the initial weights, by exam.

    Empty for families whose head is new: such weights answer nothing before they are trained.

    Args:
        recipe: The recipe.
        exams: The exams by name.
    """
    settings = recipe.settings
    if not isinstance(settings, TrainingSettings) or not exams:
        return {}
    solver = trained_solver(recipe.family)
    try:
        made = create_solver(solver, {**serving_settings(recipe), "model": settings.model})
        return {name: made.score(list(exam)) for name, exam in exams.items()}
    except UntrainedModelError:
        return {}


def score_after(recipe: Recipe, model: Path, exams: Mapping[str, Exam]) -> dict[str, ScoreMatrix]:
    """Return the scores of a trained model by exam, computed as in a run."""
    score = score_with(trained_solver(recipe.family), serving_settings(recipe))
    return {name: score(model, exam) for name, exam in exams.items()}


def serving_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of the solver for evaluation, on the device of the training.

    The members of a ranker are as the recipe says: its folder may not name all of their settings.

    Raises:
        SettingsError: A GPU is asked for and there is none.
    """
    if isinstance(recipe.settings, RankerTrainingSettings):
        members = recipe.settings.members
        return {
            "members": {
                one.name: one.settings.model_dump(mode="json", exclude_unset=True)
                for one in members
            }
        }
    if not isinstance(recipe.settings, TrainingSettings):
        return {}
    # Models of other Keras families are read by a solver that uses torch.
    by_keras = trained_solver(recipe.family) == recipe.family
    if isinstance(recipe.settings, KerasTrainingSettings) and by_keras:
        # A process has one backend of Keras, so the scores before the training need it too.
        return {"device": recipe.settings.device, "backend": recipe.settings.backend}
    from llmexam.training.base.arguments import training_device

    return {"device": training_device(recipe.settings.device)}


def grade_exams(
    recipe: Recipe,
    exams: Mapping[str, Exam],
    before: Mapping[str, ScoreMatrix],
    after: Mapping[str, Mapping[str, ScoreMatrix]],
) -> dict[str, Any]:
    """Return the grades of each exam as JSON values.

    Args:
        recipe: The recipe.
        exams: The exams by name.
        before: Scores of the untrained weights by exam; may be empty.
        after: Scores by run and exam. Several runs are told one by one, by mean and spread, and
            combined with equal weights.
    """
    return {
        name: _grade(
            recipe, exam, before.get(name), {run: scores[name] for run, scores in after.items()}
        )
        for name, exam in exams.items()
    }


def card_metrics(grades: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics for a model card: values, intervals and baselines."""
    return {
        name: {
            "questions": told["n_questions"],
            **{metric["name"]: metric["estimate"] for metric in told["after"]["metrics"]},
            **(
                {f"{METRIC.name} before": primary(told["before"]).estimate.model_dump()}
                if told["before"]
                else {}
            ),
            "baselines": told["baselines"],
        }
        for name, told in grades.items()
    }


def grade_scores(recipe: Recipe, exam: Exam, scores: ScoreMatrix, name: str) -> dict[str, Any]:
    """Return a short grade of scores as JSON values: metrics with intervals, without slices."""
    found = evaluate_scores(
        exam, scores, name=name, k=K, n_resamples=recipe.n_resamples, seed=recipe.split_seed
    )
    kept = {"name", "n_items", "metrics", "n_truncated", "level"}
    return found.model_dump(mode="json", include=kept)


def primary(grade: Mapping[str, Any]) -> MetricResult:
    """Return the primary metric of a grade that `grade_scores` returned."""
    return MetricResult.model_validate(grade["metrics"][0])


def _grade(
    recipe: Recipe, exam: Exam, before: ScoreMatrix | None, after: Mapping[str, ScoreMatrix]
) -> dict[str, Any]:
    runs = {name: grade_scores(recipe, exam, scores, name) for name, scores in after.items()}
    if len(after) == 1:
        (final,) = after.values()
        (told,) = runs.values()
    else:
        final = build_ensemble(dict(after), EnsembleSettings(), None).scores
        told = grade_scores(recipe, exam, final, "together")
    longest = create_solver("longest").score(list(exam))
    others = {"longest": longest} | ({"before": before} if before is not None else {})
    return {
        "n_questions": len(exam),
        "exam_hash": exam.content_hash,
        "before": grade_scores(recipe, exam, before, "before") if before is not None else None,
        "after": told,
        "baselines": dict(primary(told).references),
        "gains": {
            name: compare_results(
                exam,
                final,
                other,
                name_a="after",
                name_b=name,
                k=K,
                n_resamples=recipe.n_resamples,
                seed=recipe.split_seed,
            ).model_dump(mode="json")
            for name, other in others.items()
        },
        "runs": runs if len(runs) > 1 else {},
        "over_runs": _over_runs([primary(run).estimate.value for run in runs.values()]),
    }


def _over_runs(values: Sequence[float]) -> dict[str, float] | None:
    if len(values) < 2:
        return None
    return {
        "mean": fmean(values),
        "standard_deviation": stdev(values),
        "lowest": min(values),
        "highest": max(values),
    }
