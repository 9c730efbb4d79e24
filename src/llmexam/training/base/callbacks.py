"""Callbacks of all training families: curve, moving average, dev evaluation, checkpoint marker.

Their order matters: the average is updated before it is evaluated, evaluations are recorded before
a checkpoint is saved, and the marker of a checkpoint is written last. `loop.py` orders them.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import transformers
from accelerate.utils import broadcast_object_list
from transformers.trainer_callback import ExportableState

from llmexam.errors import ModelError
from llmexam.storage.atomic import write_text
from llmexam.tracking.tracker import Tracker
from llmexam.training.base.checkpoints import (
    checkpoint_path,
    complete_checkpoints,
    mark_complete,
    read_callback_values,
)
from llmexam.training.base.dev_set import LOSS, DevItems, Graded
from llmexam.training.base.processes import is_first_process, wait_for_all
from llmexam.training.base.random_state import undisturbed
from llmexam.training.base.weights import Average, WeightAverage, WeightStore
from llmexam.training.curve_file import CURVE_FILE, curve_lines, read_curve_file
from llmexam.training.dev_metric import PREFIX
from llmexam.training.protocol import CurvePoint
from llmexam.training.settings import TrainingSettings

AVERAGE_FILE = "average.safetensors"


class CurveRecorder(transformers.TrainerCallback):
    """Records the training curve in memory, in `curve.jsonl` and with the experiment tracker.

    A resumed training keeps the points up to its checkpoint; later ones are recorded again.

    Args:
        folder: Folder of `curve.jsonl`.
        tracker: Receives every point.
    """

    def __init__(self, folder: Path, tracker: Tracker) -> None:
        self._path = folder / CURVE_FILE
        self._tracker = tracker
        self._points: dict[int, dict[str, float]] = {}
        self._began = time.perf_counter()

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """The points, by step."""
        return tuple(CurvePoint(step, dict(self._points[step])) for step in sorted(self._points))

    def add(self, step: int, values: dict[str, float]) -> None:
        """Record values at a step, merged with earlier values of that step."""
        self._points.setdefault(step, {}).update(values)
        if not is_first_process():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        self._tracker.log(step, values)

    def restore(self, step: int) -> None:
        """Drop the points after a step; step 0 drops all."""
        self._points = {
            at: values for at, values in read_curve_file(self._path).items() if at <= step
        }
        before = max((v.get("seconds", 0.0) for v in self._points.values()), default=0.0)
        self._began = time.perf_counter() - before
        if is_first_process():
            # The lines as they are: the file is then that of a training that was not stopped.
            lines = [line for line, at in curve_lines(self._path) if at <= step]
            write_text(self._path, "".join(f"{line}\n" for line in lines))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Continue the curve of the checkpoint."""
        self.restore(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log before each checkpoint, so that the running mean of the loss restarts there."""
        control.should_log = control.should_log or control.should_save

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log before each checkpoint."""
        control.should_log = control.should_log or control.should_save

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Record loss, learning rate and gradient norm.

        Raises:
            ModelError: The loss is not a number.
        """
        if not logs or "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss at step {state.global_step} is {loss}",
                hint="Lower learning_rate, or use precision: fp32",
            )
        names = ("loss", "learning_rate", "grad_norm")
        values = {name: float(logs[name]) for name in names if name in logs}
        # In fp16 a gradient can overflow; the loss scaler skips such a step.
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        self.add(state.global_step, {**values, "seconds": time.perf_counter() - self._began})


class AverageKeeper(transformers.TrainerCallback):
    """Updates the moving average of the weights after each step, and saves it in checkpoints.

    Args:
        average: The average.
        folder: The folder of the training.
    """

    def __init__(self, average: Average, folder: Path) -> None:
        self._average = average
        self._folder = folder

    def restore(self, step: int) -> None:
        """Load the average of a checkpoint."""
        self._average.load(checkpoint_path(self._folder, step) / AVERAGE_FILE)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Load the average of the resumed checkpoint."""
        if state.global_step:
            self.restore(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Update the average."""
        self._average.update(state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save the average in the checkpoint."""
        if is_first_process():
            self._average.save(checkpoint_path(self._folder, state.global_step) / AVERAGE_FILE)


class DevGrading(transformers.TrainerCallback, ExportableState):
    """Evaluates the dev items during training, keeps the best weights, and stops early.

    The best step has the best value of their metric; ties go to the lowest loss. Evaluation
    preserves the random state of the training. One process evaluates and broadcasts the result.

    Args:
        dev: The dev items.
        settings: `evaluate_every` and `patience`.
        best: Store of the best weights.
        recorder: Receives the metric, such as `dev_map_at_3`, and `dev_loss`.
        average: Evaluated and stored in place of the weights, if given.
        folder: The training folder.

    Attributes:
        best_step: The best step so far; 0 before the first evaluation.
        best_value: Its value of the metric; None before the first evaluation.
        stopped: Whether the training was stopped early.
    """

    def __init__(
        self,
        dev: DevItems,
        settings: TrainingSettings,
        *,
        best: WeightStore,
        recorder: CurveRecorder,
        folder: Path,
        average: WeightAverage | None = None,
    ) -> None:
        self._dev = dev
        self._settings = settings
        self._best = best
        self._recorder = recorder
        self._folder = folder
        self._average = average
        self.best_step = 0
        self.best_value: float | None = None
        self.best_loss = math.inf
        self.n_worse = 0
        self.graded_step = 0
        self.stopped = False

    def state(self) -> dict[str, Any]:
        """Return the state to save in a checkpoint."""
        names = ("best_step", "best_value", "n_worse", "graded_step", "stopped")
        kept = {name: getattr(self, name) for name in names}
        # JSON has no infinity, the initial value.
        kept["best_loss"] = self.best_loss if math.isfinite(self.best_loss) else None
        return {"args": {}, "attributes": kept}

    def restore(self, step: int) -> None:
        """Load the state from the checkpoint of a step."""
        for name, value in read_callback_values(
            checkpoint_path(self._folder, step), type(self).__name__
        ).items():
            unset = math.inf if name == "best_loss" else None
            setattr(self, name, unset if value is None else value)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Load the state of the resumed checkpoint."""
        if state.global_step:
            self.restore(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Evaluate if due; at the end of an epoch this runs before its checkpoint is saved."""
        every = self._settings.evaluate_every
        if every:
            due = state.global_step % every == 0
        else:
            due = abs(state.epoch - round(state.epoch)) < 1e-9
        if due or state.global_step >= state.max_steps or control.should_training_stop:
            self.grade(state.global_step)
            if self.stopped:
                # Save a checkpoint, so that a resumed training also stops here.
                control.should_training_stop = True
                control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Delete best weights that no checkpoint refers to."""
        if is_first_process():
            name = type(self).__name__
            steps = {
                read_callback_values(one, name).get("best_step", 0)
                for one in complete_checkpoints(self._folder)
            }
            self._best.prune({*steps, self.best_step})

    def grade(self, step: int) -> None:
        """Evaluate the dev items after a step, once per step."""
        if step == self.graded_step:
            return
        self.graded_step = step
        with self._average.applied() if self._average else nullcontext(), undisturbed():
            values = self._values(self._dev.grade()) if is_first_process() else {}
            (values,) = broadcast_object_list([values])
            metric = self._dev.metric
            found, loss = values[f"{PREFIX}{metric.name}"], values[LOSS]
            self._recorder.add(step, values)
            sign = 1.0 if metric.higher_is_better else -1.0
            best = -math.inf if self.best_value is None else sign * self.best_value
            if (sign * found, -loss) > (best, -self.best_loss):
                self.n_worse = 0 if sign * found > best else self.n_worse + 1
                self.best_step, self.best_value, self.best_loss = step, found, loss
                if is_first_process():
                    self._best.save(step)
            else:
                self.n_worse += 1
        patience = self._settings.patience
        self.stopped = patience is not None and self.n_worse >= patience

    def _values(self, graded: Graded) -> dict[str, float]:
        """Return the values by name, the metric first."""
        further = {f"{PREFIX}{name}": value for name, value in graded.further.items()}
        return {f"{PREFIX}{self._dev.metric.name}": graded.value, LOSS: graded.loss, **further}


class CheckpointMark(transformers.TrainerCallback):
    """Marks each checkpoint as complete. It must be the last callback.

    Args:
        folder: The training folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the marker, after every process has written its part."""
        wait_for_all()
        if is_first_process():
            mark_complete(checkpoint_path(self._folder, state.global_step))
