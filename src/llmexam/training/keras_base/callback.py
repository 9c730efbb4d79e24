"""The callback of all Keras trainings: curve, dev grading, progress, checkpoints."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmexam.errors import ModelError
from llmexam.lm.keras_models.session import keras
from llmexam.storage.atomic import write_json
from llmexam.training.base.callbacks import CurveRecorder, DevGrading
from llmexam.training.base.checkpoints import (
    checkpoint_path,
    complete_checkpoints,
    mark_complete,
    read_callback_values,
)
from llmexam.training.keras_base.progress import StepBar
from llmexam.training.keras_base.settings import KerasTrainingSettings
from llmexam.training.keras_base.state import (
    BestVariables,
    load_random_state,
    load_variables,
    save_random_state,
    save_variables,
    synchronise,
)

_STATE_FILE = "state.safetensors"
_RANDOM_FILE = "random.safetensors"
_TOLD_FILE = "trainer_state.json"
# Two, because the newest may be incomplete after a kill.
_CHECKPOINTS_KEPT = 2


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a training.

    Attributes:
        n_steps: Steps in all.
        per_epoch: Steps of an epoch.
        n_passes: Passes of a step.
        first: Steps that were taken already.
    """

    n_steps: int
    per_epoch: int
    n_passes: int
    first: int = 0


class TrainingCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Records the curve, grades the dev items, and writes checkpoints at the end of steps.

    Args:
        settings: Intervals, and patience.
        schedule: The steps.
        folder: The training folder.
        recorder: Receives loss, learning rate and time.
        grading: Grades the dev items, or None.
        best: Store of the best weights.
        checkpoint: The checkpoint to resume from, or None.
    """

    def __init__(
        self,
        settings: KerasTrainingSettings,
        schedule: Schedule,
        folder: Path,
        recorder: CurveRecorder,
        grading: DevGrading | None,
        best: BestVariables,
        checkpoint: Path | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._schedule = schedule
        self._folder = folder
        self._recorder = recorder
        self._grading = grading
        self._best = best
        self._checkpoint = checkpoint
        self._bar = StepBar(schedule.n_steps, schedule.first)
        self._began = time.perf_counter()
        self._n_passes = 0
        self.step = schedule.first

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock, which goes on from the time of the checkpoint."""
        told = [point.values.get("seconds", 0.0) for point in self._recorder.curve]
        self._began = time.perf_counter() - max(told, default=0.0)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Load the checkpoint before the first pass."""
        if self._checkpoint is not None and not self._n_passes:
            # Not before: `fit` and torch's loader of the batches draw random numbers at their
            # beginning, which the training that was killed had done before its checkpoint.
            restore(self.model, self._checkpoint)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the pass; at the end of a step, log, grade and save what is due."""
        self._n_passes += 1
        if self._n_passes % self._schedule.n_passes:
            return
        self.step += 1
        is_last = self.step >= self._schedule.n_steps
        grades = self._grading is not None and self._is_due(self._settings.evaluate_every)
        saves = self._is_due(self._settings.checkpoint_every)
        every = self._settings.log_every
        if self.step % every == 0 or self.step == 1 or is_last or saves:
            self._log(logs or {})
        self._bar.advance(self.step)
        if self._grading is not None and (grades or is_last):
            synchronise(self.model)
            self._grading.grade(self.step)
            if self._grading.stopped:
                self.model.stop_training = saves = True
        if saves or is_last:
            self._save()

    def close(self) -> None:
        """Remove the progress bar, also after an error."""
        self._bar.close()

    def _is_due(self, every: int | None) -> bool:
        return self.step % (every or self._schedule.per_epoch) == 0

    def _log(self, logs: Mapping[str, Any]) -> None:
        """Record the mean loss since the last point, and the other metrics of the model."""
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss at step {self.step} is {loss}",
                hint="Lower learning_rate, or use precision: fp32",
            )
        synchronise(self.model)
        # That of the step which was just taken.
        n_passes = (self.step - 1) * self._schedule.n_passes
        values = {
            **{name: float(value) for name, value in logs.items()},
            "learning_rate": float(learning_rate_at(self.model.optimizer, n_passes)),
            "seconds": time.perf_counter() - self._began,
        }
        self._recorder.add(self.step, values)
        self._bar.show(loss)
        self.model.reset_metrics()

    def _save(self) -> None:
        synchronise(self.model)
        place = checkpoint_path(self._folder, self.step)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        save_variables(place / _STATE_FILE, state_variables(self.model))
        save_random_state(place / _RANDOM_FILE)
        kept = {} if self._grading is None else {DevGrading.__name__: self._grading.state()}
        told = {
            "global_step": self.step,
            "max_steps": self._schedule.n_steps,
            "stateful_callbacks": kept,
        }
        write_json(place / _TOLD_FILE, told)
        mark_complete(place)
        complete = complete_checkpoints(self._folder)
        for old in complete[:-_CHECKPOINTS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        if self._grading is not None:
            steps = {
                read_callback_values(one, DevGrading.__name__).get("best_step", 0)
                for one in complete[-_CHECKPOINTS_KEPT:]
            }
            self._best.prune({*steps, self._grading.best_step})


def learning_rate_at(optimiser: Any, n_passes: int) -> Any:
    """Return the learning rate of a pass by the optimiser's schedule."""
    return optimiser._learning_rate(n_passes)


def state_variables(model: Any) -> list[Any]:
    """Return all that the next step depends on: weights, random states, moments."""
    return [*model.variables, *model.optimizer.variables]


def restore(model: Any, checkpoint: Path) -> None:
    """Load the variables of a checkpoint.

    Raises:
        RunError: They are of another model.
    """
    model.optimizer.build(model.trainable_variables)
    load_variables(checkpoint / _STATE_FILE, state_variables(model))
    load_random_state(checkpoint / _RANDOM_FILE)
