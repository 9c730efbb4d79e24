"""The training loop: from the first step or a checkpoint to the best weights."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import transformers
from transformers.trainer_callback import PrinterCallback

from llmexam.errors import RunError
from llmexam.tracking.tracker import Tracker
from llmexam.training.base.callbacks import (
    AverageKeeper,
    CheckpointMark,
    CurveRecorder,
    DevGrading,
)
from llmexam.training.base.checkpoints import BEST_FOLDER, CHECKPOINT_FOLDER, newest_checkpoint
from llmexam.training.base.dev_set import DevItems, Graded
from llmexam.training.base.processes import is_first_process, wait_for_all
from llmexam.training.base.progress import ProgressBar
from llmexam.training.base.random_state import undisturbed
from llmexam.training.base.weights import Average, BestWeights
from llmexam.training.preflight import require_full_precision
from llmexam.training.protocol import CurvePoint
from llmexam.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Trained:
    """Result of a training; the model has the best weights.

    Attributes:
        curve: The training curve, by step.
        best_step: The step of the model's weights.
        dev: Grades of the dev items under these weights; None without dev items.
        stopped_early: Whether early stopping ended it.
    """

    curve: tuple[CurvePoint, ...]
    best_step: int
    dev: Graded | None
    stopped_early: bool


def run_training(
    trainer: transformers.Trainer,
    folder: Path,
    settings: TrainingSettings,
    *,
    tracker: Tracker,
    dev: DevItems | None = None,
    resume: bool = True,
) -> Trained:
    """Train until the end, resuming from the newest complete checkpoint if there is one.

    Afterwards the model has the best weights by the dev items; without them the
    moving average, or the last weights. Checkpoints and best weights stay on disk, because the
    process may be killed before its result is written; `write_trained_model` deletes them.

    Args:
        trainer: Created with `training_arguments` for this folder.
        folder: The training folder.
        settings: Training settings.
        tracker: Receives every point of the curve.
        dev: Dev items to evaluate during training, or None.
        resume: Resume from a checkpoint; otherwise existing checkpoints are deleted.

    Raises:
        ModelError: The loss is NaN, or trained weights have 16 bits.
    """
    model: Any = trainer.model
    if not trainer.is_deepspeed_enabled:
        # DeepSpeed keeps 32-bit master copies of trained weights.
        require_full_precision(model)
    if not resume:
        _forget(folder)
    checkpoint = newest_checkpoint(folder)
    recorder, bar = CurveRecorder(folder, tracker), ProgressBar()
    average = Average(model, settings.ema_decay) if settings.ema_decay else None
    best = BestWeights(model, folder)
    grading = None
    callbacks: list[Any] = [recorder]
    if average is not None:
        callbacks.append(AverageKeeper(average, folder))
    if dev is not None:
        grading = DevGrading(
            dev, settings, best=best, recorder=recorder, folder=folder, average=average
        )
        callbacks.append(grading)
    # Saving a checkpoint would draw a progress bar, and PrinterCallback writes to stdout.
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    trainer.remove_callback(PrinterCallback)
    for callback in [*callbacks, bar, CheckpointMark(folder)]:
        trainer.add_callback(callback)
    try:
        last_step = _train(trainer, checkpoint, callbacks)
    except UnpicklingError as error:
        raise RunError(
            f"the checkpoint has pickled objects, which can run code: {str(error).splitlines()[0]}",
            file=checkpoint,
            hint="Train again with --overwrite",
        ) from None
    finally:
        bar.close()
    return _result(last_step, recorder, grading, dev, best, average)


def _train(trainer: transformers.Trainer, checkpoint: Path | None, callbacks: list[Any]) -> int:
    """Run the remaining steps, and return the total number of steps."""
    if checkpoint is not None:
        told = transformers.TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        kept = told.stateful_callbacks.get(DevGrading.__name__, {}).get("attributes", {})
        if kept.get("stopped") or told.global_step >= told.max_steps:
            # At the last step, the Trainer's loop would still run one step before stopping.
            trainer._load_from_checkpoint(str(checkpoint))
            for callback in callbacks:
                callback.restore(told.global_step)
            return int(told.global_step)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return int(trainer.state.global_step)


def _result(
    last_step: int,
    recorder: CurveRecorder,
    grading: DevGrading | None,
    dev: DevItems | None,
    best: BestWeights,
    average: Average | None,
) -> Trained:
    wait_for_all()  # the first process has written the best weights by now
    if grading is None or dev is None:
        if average is not None:
            average.apply()
        return Trained(recorder.curve, last_step, None, False)
    best.load(grading.best_step)
    with undisturbed():
        graded = dev.grade() if is_first_process() else None
    return Trained(recorder.curve, grading.best_step, graded, grading.stopped)


def _forget(folder: Path) -> None:
    if is_first_process():
        for name in (CHECKPOINT_FOLDER, BEST_FOLDER):
            shutil.rmtree(folder / name, ignore_errors=True)
