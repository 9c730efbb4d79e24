"""The pipeline of a training run: evidence, checks, training, evaluation and output folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llmexam.exam.audit import Finding
from llmexam.stages.local import LocalExecutor
from llmexam.stages.progress_file import progress_file
from llmexam.stages.stage import Executor
from llmexam.storage.locking import lock_folder
from llmexam.training.preflight import check_evidence_cut
from llmexam.training.protocol import Estimate
from llmexam.training.registry import create_trainer, trained_task, training_settings
from llmexam.training.settings import TrainingSettings
from llmexam.workflows.train.exams import TrainingExams, prepare_splits
from llmexam.workflows.train.folder import (
    forget_training,
    is_finished,
    require_training_folder,
)
from llmexam.workflows.train.key import require_same_recipe
from llmexam.workflows.train.one import OneTraining, follow_training, run_training
from llmexam.workflows.train.processes import Crew
from llmexam.workflows.train.recipe import Recipe, read_recipe
from llmexam.workflows.train.results import noun_of
from llmexam.workflows.train.rewrites import prepare_rewrites
from llmexam.workflows.train.splits import train_splits

Announce = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class TrainingOutcome:
    """Results of a training run.

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
    """Result of a dry run.

    Attributes:
        estimate: Questions, tokens, steps, time and memory of one training.
        n_trainings: How many there would be: seeds, folds and splits.
        n_graded: Questions of each exam that is graded.
        findings: What a person should know before.
        noun: What one item is called.
    """

    estimate: Estimate
    n_trainings: int
    n_graded: dict[str, int]
    findings: tuple[Finding, ...]
    noun: str = "question"

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable values."""
        return asdict(self)


def train_recipe(
    recipe: str | Path | Recipe,
    folder: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    command: str = "",
    announce: Announce = lambda name, n_done, n_all: None,
) -> TrainingOutcome | None:
    """Train as described by a recipe, and write all results to one folder.

    The folder gets `model/` (or `seed-N/` for each seed) with the weights, their card and
    `curves.png`; `results.json`, `training.html`, `scores/<exam>.parquet`, `recipe.yaml` with all
    defaults, and with folds `oof.parquet` and `folds/`. A training that was stopped goes on from
    its newest whole state; one that is finished is not done again.

    With `split_seeds` each split is a whole training in `split-N/`, and the folder gets
    `results.json` and `training.html` with the means over splits. It gets no `model/` of its own:
    each model is trained on a part of the questions, and none is better than another. The first
    split keeps its weights, in `split-N/model`; of the others only what they gave is kept.
    Splits may be added to a training later.

    Args:
        recipe: A recipe, or the path of one.
        folder: The training's folder.
        changes: Keys of the recipe to change, nested; only where a path is given.
        overwrite: Delete the results of an earlier training in the folder, and start again.
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
        _follow(checked, path, command, crew)
        return None
    require_training_folder(path)
    # What is refused should show at once, before anything is read, written or forgotten.
    trainers = [create_trainer(checked.family, settings) for _, settings in checked.runs]
    if overwrite or not is_finished(path):
        for trainer in trainers:
            trainer.check_machine()
    with lock_folder(path):
        if overwrite:
            forget_training(path)
        # Before evidence is found anew, which would take the place of the training's own.
        require_same_recipe(checked, path)
        with progress_file(path, announce) as told:
            return _train(checked, path, command, LocalExecutor(path, announce=told), crew)


def _train(
    recipe: Recipe, folder: Path, command: str, stages: Executor, crew: Crew
) -> TrainingOutcome:
    trainings = _trainings(recipe, folder, command, stages)
    n_open = sum(one.finished is None for one in trainings)
    crew.tell("prepared", "train" if n_open else "done")
    if not recipe.split_seeds:
        return TrainingOutcome(folder, run_training(trainings[0], stages, crew), not n_open)
    results = train_splits(recipe, trainings, folder, stages, crew)
    return TrainingOutcome(folder, results, not n_open)


def _trainings(
    recipe: Recipe, folder: Path, command: str, stages: Executor
) -> tuple[OneTraining, ...]:
    """Return the training of a recipe, or one for each of its splits."""
    parts = recipe.splits or {"": recipe}
    prepared = _prepare(list(parts.values()), stages, folder)
    return tuple(
        OneTraining(part, exams, folder / split, command, split)
        for (split, part), exams in zip(parts.items(), prepared, strict=True)
    )


def _prepare(
    recipes: list[Recipe], stages: Executor, folder: Path
) -> tuple[TrainingExams[Any], ...]:
    if trained_task(recipes[0].family) == "prompt-recovery":
        return prepare_rewrites(recipes, stages)
    return prepare_splits(recipes, stages, folder)


def _follow(recipe: Recipe, folder: Path, command: str, crew: Crew) -> None:
    """Do the part of a process of torchrun that is not the first."""
    # What draws no gradients is done by one process alone.
    is_shared = issubclass(training_settings(recipe.family), TrainingSettings)
    if crew.hear("prepared") == "train" and is_shared:
        stages = LocalExecutor(folder)
        for one in _trainings(recipe, folder, command, stages):
            follow_training(one, stages, crew)


def dry_run(
    recipe: str | Path | Recipe,
    folder: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    announce: Announce = lambda name, n_done, n_all: None,
) -> DryRun:
    """Estimate the cost of a training run; evidence is retrieved and cached, nothing is trained.

    Arguments and errors are those of `train_recipe`.
    """
    checked = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, changes or {})
    path = Path(folder)
    require_training_folder(path)
    with lock_folder(path):
        stages = LocalExecutor(path, announce=announce)
        exams = _trainings(checked, path, "", stages)[0].exams
        trainer = create_trainer(checked.family, checked.runs[0][1])
        estimate = stages.time("time a few steps", lambda: trainer.estimate(exams.train))
    # Long texts of rewrites are cut on purpose: their first tokens show what was done to them.
    cut = _evidence_cut(estimate) if noun_of(checked) == "question" else None
    return DryRun(
        estimate,
        len(checked.runs) * max(len(checked.split_seeds), 1) + (checked.folds or 0),
        {name: len(exam) for name, exam in exams.graded.items()},
        (*exams.findings, *((cut,) if cut else ())),
        noun=noun_of(checked),
    )


def _evidence_cut(estimate: Estimate) -> Finding | None:
    return check_evidence_cut(estimate.share_cut, estimate.n_truncated, estimate.n_questions)
