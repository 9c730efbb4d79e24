"""One training run: its models, and their scores before and after training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from llmexam.exam.audit import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import read_card
from llmexam.lm.models.loading import resolve_model
from llmexam.machine import peak_memory_mb
from llmexam.report.training_curves import write_curves
from llmexam.report.training_page import training_page
from llmexam.settings.base import Settings
from llmexam.solvers.registry import solver_entries
from llmexam.stages.stage import Executor
from llmexam.storage.atomic import write_json, write_text
from llmexam.tracking.registry import create_tracker
from llmexam.tracking.tracker import NoTracker
from llmexam.training.base.processes import is_first_process, wait_for_all
from llmexam.training.folds import out_of_fold_metadata, score_with, train_folds
from llmexam.training.preflight import check_first_loss, check_stuck
from llmexam.training.protocol import TrainedModel
from llmexam.training.registry import create_trainer, trained_solver
from llmexam.training.settings import TrainingSettings
from llmexam.training.trained_model import finished_model, package_versions, update_card
from llmexam.workflows.provenance import describe_run
from llmexam.workflows.train.exams import TrainingExams
from llmexam.workflows.train.folder import (
    RECIPE_FILE,
    RESULTS_FILE,
    finished_results,
    mark_training,
)
from llmexam.workflows.train.key import training_key
from llmexam.workflows.train.processes import Crew
from llmexam.workflows.train.recipe import Recipe, recipe_yaml
from llmexam.workflows.train.results import (
    card_metrics,
    grade_exams,
    grade_scores,
    metric_of,
    noun_of,
    score_after,
    score_before,
    serving_settings,
)

_CURVES = "curves.png"


@dataclass(frozen=True)
class OneTraining:
    """Recipe, exams and output folder of a training run.

    Attributes:
        recipe: The recipe; of one split, where there are several.
        exams: Its exams, with evidence.
        folder: The training's folder.
        command: The command that asked for it.
        split: Name of the split where there are several, else empty.
    """

    recipe: Recipe
    exams: TrainingExams[Any]
    folder: Path
    command: str
    split: str = ""

    @cached_property
    def key(self) -> str:
        """Its key."""
        return training_key(self.recipe, self.exams)

    @property
    def finished(self) -> dict[str, Any] | None:
        """Its results, if it is finished.

        Raises:
            RunError: The folder holds another recipe's training.
        """
        return finished_results(self.folder, self.key)

    @property
    def title(self) -> str:
        """The title of its results."""
        title = self.recipe.title or Path(self.recipe.train[0].path).stem
        return f"{title}, {self.split}" if self.split else title

    @property
    def answered(self) -> dict[str, Exam]:
        """The exams that are graded; none for a model that is not a solver."""
        return self.exams.graded if trained_solver(self.recipe.family) in solver_entries() else {}

    def named(self, stage: str) -> str:
        """Return the name of one of its stages."""
        return f"{self.split}: {stage}" if self.split else stage


def run_training(one: OneTraining, stages: Executor, crew: Crew) -> dict[str, Any]:
    """Train, and return the results; a finished training run is not repeated.

    Args:
        one: The training.
        stages: The stages of the command.
        crew: Those that train together; told whether there is something to train.

    Raises:
        RunError: The folder holds another recipe's training.
        LlmExamError: Whatever a stage finds wrong with its input.
    """
    done = one.finished
    crew.tell(one.named("training"), "train" if done is None else "done")
    if done is not None:
        return done
    mark_training(one.folder, one.key)
    write_text(one.folder / RECIPE_FILE, recipe_yaml(one.recipe))
    results = _train_and_grade(one, stages)
    # Last: a folder that has it is finished.
    write_json(one.folder / RESULTS_FILE, {"key": one.key, **results})
    return results


def follow_training(one: OneTraining, stages: Executor, crew: Crew) -> None:
    """Take part in the training in a process other than the first."""
    if crew.hear(one.named("training")) == "train":
        _train(one, stages)


def _train_and_grade(one: OneTraining, stages: Executor) -> dict[str, Any]:
    began = time.perf_counter()
    recipe, exams, folder = one.recipe, one.exams, one.folder
    asked = one.answered
    before = stages.time(one.named("grade before"), lambda: score_before(recipe, asked))
    trained, folds = _train(one, stages)
    after = stages.time(
        one.named("grade after"),
        lambda: {
            name: score_after(recipe, checkpoint.folder, asked)
            for name, checkpoint in trained.items()
        },
    )
    grades = stages.time(one.named("grade"), lambda: grade_exams(recipe, asked, before, after))
    findings = (*exams.findings, *_curve_findings(recipe, exams, trained))
    results = {
        "title": one.title,
        "family": recipe.family,
        "command": one.command,
        "n_train": len(exams.train),
        "noun": noun_of(recipe),
        "metric": metric_of(recipe).model_dump(mode="json"),
        "exams": grades,
        "out_of_fold": _grade_folds(recipe, exams, folds, folder),
        "findings": [{**asdict(one), "rows": list(one.rows)} for one in findings],
        "notes": {name: list(one.notes) for name, one in trained.items()},
        "best_steps": {name: one.best_step for name, one in trained.items()},
        "curves": {
            name: [{"step": point.step, **point.values} for point in one.curve]
            for name, one in trained.items()
        },
        # Of this process; what an earlier one did before it was stopped is in the curves.
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mb": round(peak_memory_mb(), 1),
        "provenance": {**describe_run(exams.train), **exams.sources},
        "versions": package_versions(),
    }
    solver = trained_solver(recipe.family)
    for run, scores in after.items():
        for name, matrix in scores.items():
            stem = name if len(after) == 1 else f"{name}-{run}"
            write_scores(folder / "scores" / f"{stem}.parquet", matrix, {"solver": solver})
    _complete_cards(one, trained, before, after)
    write_text(folder / "training.html", training_page(results, trained))
    return results


def _curve_findings(
    recipe: Recipe, exams: TrainingExams[Any], trained: Mapping[str, TrainedModel]
) -> list[Finding]:
    """Return what the losses tell of a softmax over options that are all there.

    That of a new head begins at ln n; one that was trained before may begin anywhere.
    """
    settings = recipe.settings
    if not isinstance(settings, TrainingSettings) or not settings.starts_at_chance:
        return []
    is_new = read_card(resolve_model(settings.model).path) is None
    n_options = [len(question.options) for question in exams.train]
    found = [
        check(one.curve, n_options)
        for one in trained.values()
        for check in ((check_first_loss, check_stuck) if is_new else (check_stuck,))
    ]
    return [finding for finding in found if finding is not None]


def _train(
    one: OneTraining, stages: Executor
) -> tuple[dict[str, TrainedModel], ScoreMatrix | None]:
    """Train all runs of a recipe and its folds; every process of torchrun comes here."""
    recipe, exams, folder = one.recipe, one.exams, one.folder
    data = {"train": exams.train.content_hash}
    if exams.dev is not None:
        data["dev"] = exams.dev.content_hash
    card = {"evidence": exams.origin, "data": data, "command": one.command}
    trained = {}
    for name, settings in recipe.runs:
        trained[name] = stages.time(
            one.named(f"train {name}"),
            lambda name=name, settings=settings: (  # type: ignore[misc]
                finished_model(folder / name) or _fit(one, name, settings, card)
            ),
        )
        # A process that was killed after the card had no time to draw.
        if not (folder / name / _CURVES).is_file():
            _draw_curves(one, name, trained[name])
    if recipe.folds is None:
        return trained, None
    settings = recipe.runs[0][1]
    folds = stages.time(
        one.named("train out of fold"),
        lambda: train_folds(
            lambda number: create_trainer(recipe.family, settings),
            exams.train,
            recipe.folds or 2,
            folder / "folds",
            score=score_with(trained_solver(recipe.family), serving_settings(recipe)),
            card=card,
            dev=exams.dev,
            seed=recipe.split_seed,
            announce=stages.advance,
        ),
    )
    return trained, folds.scores


def _fit(one: OneTraining, name: str, settings: Settings, card: dict[str, Any]) -> TrainedModel:
    """Train one model, and tell the tracker of it."""
    recipe, exams, folder = one.recipe, one.exams, one.folder / name
    place = one.folder / "tracking" / name
    tracker = create_tracker(recipe.tracking, place) if is_first_process() else NoTracker()
    above = [one.folder.parent.name] if one.split else []
    tracker.start("/".join([*above, one.folder.name, name]), settings.model_dump(mode="json"))
    try:
        checkpoint = create_trainer(recipe.family, settings).fit(
            exams.train, exams.dev, folder, card=card, tracker=tracker
        )
        if _draw_curves(one, name, checkpoint):
            tracker.add_file(folder / _CURVES)
    finally:
        tracker.finish()
    wait_for_all()  # whoever goes on may read the model
    return checkpoint


def _draw_curves(one: OneTraining, name: str, trained: TrainedModel) -> bool:
    """Draw the curves of a model, in the first process; return whether it has any."""
    if not trained.curve or not is_first_process():
        return False
    write_curves(one.folder / name / _CURVES, trained.curve, one.recipe.title)
    return True


def _grade_folds(
    recipe: Recipe, exams: TrainingExams[Any], scores: ScoreMatrix | None, folder: Path
) -> dict[str, Any] | None:
    if scores is None:
        return None
    metadata = out_of_fold_metadata(trained_solver(recipe.family), exams.train)
    write_scores(folder / "oof.parquet", scores, metadata)
    return grade_scores(recipe, exams.train, scores, "out of fold")


def _complete_cards(
    one: OneTraining,
    trained: Mapping[str, TrainedModel],
    before: Mapping[str, ScoreMatrix],
    after: Mapping[str, Mapping[str, ScoreMatrix]],
) -> None:
    """Tell each model's card what it gave on the graded exams, and keep the recipe beside it."""
    for name, checkpoint in trained.items():
        grades = grade_exams(one.recipe, one.answered, before, {name: after[name]})
        metrics = {**checkpoint.card.metrics, **card_metrics(grades)}
        card = checkpoint.card.model_copy(update={"metrics": metrics})
        update_card(checkpoint.folder, card, checkpoint.notes)
        write_text(checkpoint.folder / RECIPE_FILE, recipe_yaml(one.recipe))
