"""Train a model by a recipe: evidence, checks, training, grades, and the folder that is left."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llmexam.errors import RunError
from llmexam.exam.audit import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.loading import resolve_model
from llmexam.lm.model_card import read_card
from llmexam.solvers.registry import solver_entries
from llmexam.storage.atomic import write_json, write_text
from llmexam.storage.locking import lock_folder
from llmexam.tracking.registry import create_tracker
from llmexam.tracking.tracker import NoTracker
from llmexam.training.checkpoint import finished_checkpoint, package_versions, update_card
from llmexam.training.curves import write_curves
from llmexam.training.folds import out_of_fold_metadata, score_with, train_folds
from llmexam.training.preflight import check_evidence_cut, check_first_loss, check_stuck
from llmexam.training.protocol import Checkpoint, Estimate
from llmexam.training.registry import create_trainer, trainer_class
from llmexam.training.settings import TrainingSettings
from llmexam.training.states import is_first_process, wait_for_all
from llmexam.workflows.provenance import describe_run
from llmexam.workflows.recipe import Recipe, read_recipe, recipe_yaml
from llmexam.workflows.run import RUN_FILE, TRAINING_MARK
from llmexam.workflows.stages import Stages, peak_memory_mb
from llmexam.workflows.train_exams import TrainingExams, prepare_exams
from llmexam.workflows.train_key import RECIPE_FILE, require_same_recipe, training_key
from llmexam.workflows.train_page import training_page
from llmexam.workflows.train_processes import Crew
from llmexam.workflows.train_results import (
    card_metrics,
    grade_exams,
    grade_scores,
    score_after,
    score_before,
    serving_settings,
)

Announce = Callable[[str, int, int | None], None]

RESULTS_FILE = "results.json"
_MARK = TRAINING_MARK
_CURVES = "curves.png"
# What a training leaves in its folder, all of which `fresh` removes.
_OWN = ("model", "folds", "scores", "tracking", "oof.parquet", "training.html")


@dataclass(frozen=True)
class TrainingOutcome:
    """What a recipe gave.

    Attributes:
        folder: The training's folder.
        results: What `results.json` says: grades, baselines, gains, findings, curve.
        was_done: Whether it was there already, and nothing was done.
    """

    folder: Path
    results: dict[str, Any]
    was_done: bool = False


@dataclass(frozen=True)
class DryRun:
    """What a recipe would take, without training.

    Attributes:
        estimate: Questions, tokens, steps, time and memory of one training.
        n_trainings: How many there would be: seeds and folds.
        n_graded: Questions of each exam that is graded.
        findings: What a person should know before.
    """

    estimate: Estimate
    n_trainings: int
    n_graded: dict[str, int]
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return asdict(self)


def train_recipe(
    recipe: str | Path | Recipe,
    folder: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    fresh: bool = False,
    command: str = "",
    announce: Announce = lambda name, n_done, n_all: None,
) -> TrainingOutcome | None:
    """Train by a recipe and write everything into one folder.

    The folder gets `model/` (or `seed-N/` for each seed) with the weights, their card and
    `curves.png`; `results.json`, `training.html`, `scores/<exam>.parquet`, `recipe.yaml` with all
    defaults, and with folds `oof.parquet` and `folds/`. A training that was stopped goes on from
    its newest whole state; one that is finished is not done again.

    Args:
        recipe: A recipe, or the path of one.
        folder: The training's folder.
        changes: Keys of the recipe to change, nested; only where a path is given.
        fresh: Begin anew, whatever is there.
        command: The command that asked for this, for the model's card.
        announce: Called with the name of each stage as it begins and goes on.

    Returns:
        What it gave; None in processes of torchrun other than the first.

    Raises:
        SettingsError: The recipe is wrong.
        RunError: The folder is in use, holds something else, or holds another recipe's training.
        LlmExamError: Whatever a stage finds wrong with its input.
    """
    checked = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, changes or {})
    path = Path(folder)
    crew = Crew()
    if not crew.is_first:
        # What draws no gradients is done by one process alone.
        is_shared = issubclass(trainer_class(checked.family).settings_class, TrainingSettings)
        if crew.hear("prepared") == "train" and is_shared:
            exams = prepare_exams(checked, Stages(path), path)
            _train(checked, exams, path, command, Stages(path))
        return None
    _require_training_folder(path)
    with lock_folder(path):
        if fresh:
            _forget(path)
        stages = Stages(path, announce=announce)
        for _, settings in checked.runs:
            create_trainer(checked.family, settings)  # what it refuses should show at once
        # Before evidence is found anew, which would take the place of the training's own.
        require_same_recipe(checked, path)
        exams = prepare_exams(checked, stages, path)
        key = training_key(checked, exams)
        done = _finished(path, key)
        if done is not None:
            crew.tell("prepared", "done")
            return TrainingOutcome(path, done, was_done=True)
        write_json(path / _MARK, {"key": key})
        write_text(path / RECIPE_FILE, recipe_yaml(checked))
        crew.tell("prepared", "train")
        return _run(checked, exams, path, command, stages)


def dry_run(
    recipe: str | Path | Recipe,
    folder: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    announce: Announce = lambda name, n_done, n_all: None,
) -> DryRun:
    """Return what a training would take; only evidence is found and kept, nothing is trained.

    Arguments and errors are those of `train_recipe`.
    """
    checked = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, changes or {})
    path = Path(folder)
    _require_training_folder(path)
    with lock_folder(path):
        stages = Stages(path, announce=announce)
        exams = prepare_exams(checked, stages, path)
        trainer = create_trainer(checked.family, checked.runs[0][1])
        estimate = stages.time("time a few steps", lambda: trainer.estimate(exams.train))
    cut = check_evidence_cut(estimate.share_cut, estimate.n_truncated, estimate.n_questions)
    return DryRun(
        estimate,
        len(checked.runs) + (checked.folds or 0),
        {name: len(exam) for name, exam in exams.graded.items()},
        (*exams.findings, *((cut,) if cut else ())),
    )


def _run(
    recipe: Recipe, exams: TrainingExams, folder: Path, command: str, stages: Stages
) -> TrainingOutcome:
    began = time.perf_counter()
    asked = _answered(recipe, exams)
    before = stages.time("grade before", lambda: score_before(recipe, asked))
    trained, folds = _train(recipe, exams, folder, command, stages)
    after = stages.time(
        "grade after",
        lambda: {
            name: score_after(recipe, checkpoint.folder, asked)
            for name, checkpoint in trained.items()
        },
    )
    grades = stages.time("grade", lambda: grade_exams(recipe, asked, before, after))
    findings = (*exams.findings, *_curve_findings(recipe, exams, trained))
    title = recipe.title or Path(recipe.train[0].path).stem
    results = {
        "title": title,
        "family": recipe.family,
        "command": command,
        "n_train": len(exams.train),
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
    for run, scores in after.items():
        for name, matrix in scores.items():
            stem = name if len(after) == 1 else f"{name}-{run}"
            write_scores(folder / "scores" / f"{stem}.parquet", matrix, {"solver": recipe.family})
    _complete_cards(recipe, trained, exams, before, after)
    write_text(folder / "training.html", training_page(results, trained))
    # Last: a folder that has it is finished.
    write_json(folder / RESULTS_FILE, {"key": training_key(recipe, exams), **results})
    return TrainingOutcome(folder, results)


def _curve_findings(
    recipe: Recipe, exams: TrainingExams, trained: Mapping[str, Checkpoint]
) -> list[Finding]:
    """Return what the losses tell of a softmax over options that are all there.

    That of a new head begins at ln n; one that was trained before may begin anywhere.
    """
    settings = recipe.settings
    changes_options = settings.get("drop_options") or settings.get("hard_negatives")
    if settings.get("objective") != "softmax" or changes_options:
        return []
    is_new = read_card(resolve_model(settings["model"]).path) is None
    n_options = [len(question.options) for question in exams.train]
    found = [
        check(one.curve, n_options)
        for one in trained.values()
        for check in ((check_first_loss, check_stuck) if is_new else (check_stuck,))
    ]
    return [finding for finding in found if finding is not None]


def _train(
    recipe: Recipe, exams: TrainingExams, folder: Path, command: str, stages: Stages
) -> tuple[dict[str, Checkpoint], ScoreMatrix | None]:
    """Train all runs of a recipe and its folds; every process of torchrun comes here."""
    data = {"train": exams.train.content_hash}
    if exams.dev is not None:
        data["dev"] = exams.dev.content_hash
    card = {"evidence": exams.origin, "data": data, "command": command}
    trained = {}
    for name, settings in recipe.runs:
        trained[name] = stages.time(
            f"train {name}",
            lambda name=name, settings=settings: (  # type: ignore[misc]
                finished_checkpoint(folder / name)
                or _fit(recipe, settings, exams, folder / name, card)
            ),
        )
    if recipe.folds is None:
        return trained, None
    settings = recipe.runs[0][1]
    folds = stages.time(
        "train out of fold",
        lambda: train_folds(
            lambda number: create_trainer(recipe.family, settings),
            exams.train,
            recipe.folds or 2,
            folder / "folds",
            score=score_with(recipe.family, serving_settings(recipe)),
            card=card,
            dev=exams.dev,
            seed=recipe.split_seed,
            announce=stages.advance,
        ),
    )
    return trained, folds.scores


def _fit(
    recipe: Recipe,
    settings: dict[str, Any],
    exams: TrainingExams,
    folder: Path,
    card: dict[str, Any],
) -> Checkpoint:
    """Train one model, and tell the tracker of it."""
    place = folder.parent / "tracking" / folder.name
    tracker = create_tracker(recipe.tracking, place) if is_first_process() else NoTracker()
    tracker.start(f"{folder.parent.name}/{folder.name}", settings)
    try:
        checkpoint = create_trainer(recipe.family, settings).fit(
            exams.train, exams.dev, folder, card=card, tracker=tracker
        )
        if checkpoint.curve and is_first_process():
            write_curves(folder / _CURVES, checkpoint.curve, recipe.title)
            tracker.add_file(folder / _CURVES)
    finally:
        tracker.finish()
    wait_for_all()  # whoever goes on may read the model
    return checkpoint


def _grade_folds(
    recipe: Recipe, exams: TrainingExams, scores: ScoreMatrix | None, folder: Path
) -> dict[str, Any] | None:
    if scores is None:
        return None
    write_scores(folder / "oof.parquet", scores, out_of_fold_metadata(recipe.family, exams.train))
    return grade_scores(recipe, exams.train, scores, "out of fold")


def _complete_cards(
    recipe: Recipe,
    trained: Mapping[str, Checkpoint],
    exams: TrainingExams,
    before: Mapping[str, ScoreMatrix],
    after: Mapping[str, Mapping[str, ScoreMatrix]],
) -> None:
    """Tell each model's card what it gave on the graded exams, and keep the recipe beside it."""
    for name, checkpoint in trained.items():
        asked = _answered(recipe, exams)
        grades = grade_exams(recipe, asked, before, {name: after[name]})
        metrics = {**checkpoint.card.metrics, **card_metrics(grades)}
        card = checkpoint.card.model_copy(update={"metrics": metrics})
        update_card(checkpoint.folder, card, checkpoint.notes)
        write_text(checkpoint.folder / "recipe.yaml", recipe_yaml(recipe))


def _answered(recipe: Recipe, exams: TrainingExams) -> dict[str, Exam]:
    """Return the exams that are graded; none where the model is no solver's."""
    return exams.graded if recipe.family in solver_entries() else {}


def _finished(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the results that are there, or None where there is something to do.

    Raises:
        RunError: The folder holds another recipe's training.
    """
    mark = _read(folder / _MARK)
    if mark is not None and mark.get("key") != key:
        raise RunError(
            "the recipe or its exams have changed since the training in this folder began",
            file=folder,
            hint="Choose another folder, or begin anew with --fresh",
        )
    results = _read(folder / RESULTS_FILE)
    return results if mark is not None and results and results.get("key") == key else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _require_training_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise RunError("this is a file", file=path, hint="Choose a folder for the training")
    if path.is_dir():
        names = {entry.name for entry in path.iterdir()} - {".lock"}
        # A folder in which only a dry run was made has found evidence, and its records.
        if names and (RUN_FILE in names or not names & {_MARK, "stages"}):
            raise RunError(
                "this folder holds something other than a training",
                file=path,
                hint="Choose an empty or a new folder",
            )


def _forget(folder: Path) -> None:
    seeds = [path.name for path in folder.glob("seed-*")]
    for name in (RESULTS_FILE, _MARK, *_OWN, *seeds):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
