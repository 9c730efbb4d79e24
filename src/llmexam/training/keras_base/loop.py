"""The training loop: from the first step or a checkpoint to the best weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmexam.lm.keras_models.session import keras
from llmexam.tracking.tracker import Tracker
from llmexam.training.base.callbacks import CurveRecorder, DevGrading
from llmexam.training.base.checkpoints import BEST_FOLDER, CHECKPOINT_FOLDER, newest_checkpoint
from llmexam.training.base.dev_set import DevItems, Graded
from llmexam.training.base.random_state import undisturbed
from llmexam.training.keras_base.callback import Schedule, TrainingCallback, restore
from llmexam.training.keras_base.compilations import Compilations, counted_compilations
from llmexam.training.keras_base.settings import KerasTrainingSettings
from llmexam.training.keras_base.state import BestVariables, KerasAverage
from llmexam.training.protocol import CurvePoint

Batches = Callable[[int], Iterator[tuple[Any, ...]]]
"""Returns the inputs, labels and weights of all passes from a step on."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Result of a training; the model has the best weights.

    Attributes:
        curve: The training curve, by step.
        best_step: The step of the model's weights.
        dev: Grades of the dev items under these weights; None without dev items.
        stopped_early: Whether early stopping ended it.
        compilations: What was compiled on the way.
    """

    curve: tuple[CurvePoint, ...]
    best_step: int
    dev: Graded | None
    stopped_early: bool
    compilations: Compilations


def run_training(
    model: Any,
    batches: Batches,
    folder: Path,
    settings: KerasTrainingSettings,
    *,
    n_steps: int,
    per_epoch: int,
    tracker: Tracker,
    dev: DevItems | None = None,
    resume: bool = True,
) -> Trained:
    """Train until the end, resuming from the newest complete checkpoint if there is one.

    Afterwards the model has the best weights by the dev items; without them the moving average,
    or the last weights. Checkpoints and best weights stay on disk until `write_trained_model`
    deletes them.

    Args:
        model: The compiled model.
        batches: Returns all passes from a step on, `gradient_accumulation` for each step.
        folder: The training folder.
        settings: Training settings.
        n_steps: Steps in all.
        per_epoch: Steps of an epoch.
        tracker: Receives every point of the curve.
        dev: Dev items to evaluate during training, or None.
        resume: Resume from a checkpoint; otherwise existing checkpoints are deleted.

    Raises:
        ModelError: The loss is not a number.
        RunError: The checkpoint is of another model.
    """
    if not resume:
        for name in (CHECKPOINT_FOLDER, BEST_FOLDER):
            shutil.rmtree(folder / name, ignore_errors=True)
    recorder = CurveRecorder(folder, tracker)
    best = BestVariables(model, folder)
    average = KerasAverage(model) if settings.ema_decay is not None else None
    grading = None
    if dev is not None:
        grading = DevGrading(
            dev, settings, best=best, recorder=recorder, folder=folder, average=average
        )
    checkpoint = newest_checkpoint(folder)
    first = _resume(checkpoint, recorder, grading)
    is_done = first >= n_steps or (grading is not None and grading.stopped)
    schedule = Schedule(n_steps, per_epoch, settings.gradient_accumulation, first)
    callback = TrainingCallback(settings, schedule, folder, recorder, grading, best, checkpoint)
    with counted_compilations(keras.backend.backend()) as compiled:
        if not is_done:
            try:
                model.fit(
                    _watched(batches(first), compiled),
                    steps_per_epoch=(n_steps - first) * schedule.n_passes,
                    epochs=1,
                    verbose=0,
                    shuffle=False,
                    callbacks=[callback],
                )
            finally:
                callback.close()
        elif checkpoint is not None:
            restore(model, checkpoint)
            if average is not None:
                average.apply()
        if grading is None or dev is None:
            return Trained(recorder.curve, callback.step, None, False, compiled)
        best.load(grading.best_step)
        with undisturbed():
            graded = dev.grade()
    return Trained(recorder.curve, grading.best_step, graded, grading.stopped, compiled)


def _resume(checkpoint: Path | None, recorder: CurveRecorder, grading: DevGrading | None) -> int:
    """Go on with the curve and the grades of a checkpoint, and return its step."""
    if checkpoint is None:
        recorder.restore(0)
        return 0
    told = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    step = int(told["global_step"])
    recorder.restore(step)
    if grading is not None:
        grading.restore(step)
    return step


def _watched(
    batches: Iterator[tuple[Any, ...]], compiled: Compilations
) -> Iterator[tuple[Any, ...]]:
    """Yield the batches, and note their shapes."""
    for batch in batches:
        compiled.shapes.add(tuple(batch[0]["token_ids"].shape))
        yield batch
