"""What happens beside the steps of a training: curve, grading, average, states, progress.

Their order matters: the average is moved before it is graded, grades are kept before a state is
saved, and a state's mark comes last. `loop.py` puts them in order.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers.trainer_callback import ExportableState

from llmexam.errors import ModelError
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.storage.atomic import write_text
from llmexam.tracking.tracker import Tracker
from llmexam.training.curve_file import CURVE_FILE, read_curve_file
from llmexam.training.dev_metric import PREFIX, dev_metric
from llmexam.training.protocol import CurvePoint
from llmexam.training.settings import TrainingSettings
from llmexam.training.states import (
    is_first_process,
    mark_state,
    read_callback_state,
    state_path,
    wait_for_all,
    whole_states,
)
from llmexam.training.undisturbed import undisturbed
from llmexam.training.weights import Average, BestWeights

AVERAGE_FILE = "average.safetensors"
DevLoss = Callable[[ScoreMatrix, Exam], float]


class CurveRecorder(transformers.TrainerCallback):
    """Keeps what is measured, in memory, in `curve.jsonl` and with the tracker.

    A resumed training keeps the points up to the state it goes on from; later ones are made again.

    Args:
        folder: Where the curve is kept.
        tracker: Told of every point.
    """

    def __init__(self, folder: Path, tracker: Tracker) -> None:
        self._path = folder / CURVE_FILE
        self._tracker = tracker
        self._points: dict[int, dict[str, float]] = {}
        self._began = time.perf_counter()

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """The points, by rising step."""
        return tuple(CurvePoint(step, dict(self._points[step])) for step in sorted(self._points))

    def add(self, step: int, values: dict[str, float]) -> None:
        """Keep what was measured at a step, beside what is known of it."""
        self._points.setdefault(step, {}).update(values)
        if not is_first_process():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        self._tracker.log(step, values)

    def restore(self, step: int) -> None:
        """Take up the curve where it was at a step; at 0 it begins anew."""
        self._points = {
            at: values for at, values in read_curve_file(self._path).items() if at <= step
        }
        before = max((v.get("seconds", 0.0) for v in self._points.values()), default=0.0)
        self._began = time.perf_counter() - before
        if is_first_process():
            lines = [json.dumps({"step": at, **self._points[at]}) for at in sorted(self._points)]
            write_text(self._path, "".join(f"{line}\n" for line in lines))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up the curve where the state left it."""
        self.restore(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure before each state, so that a resumed mean begins where an unbroken one does."""
        control.should_log = control.should_log or control.should_save

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure before each state."""
        control.should_log = control.should_log or control.should_save

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Keep loss, learning rate and gradient norm.

        Raises:
            ModelError: The loss is not a number.
        """
        if not logs or "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss at step {state.global_step} is {loss}",
                hint="Lower learning_rate, or take precision: fp32",
            )
        names = ("loss", "learning_rate", "grad_norm")
        values = {name: float(logs[name]) for name in names if name in logs}
        # A gradient can overflow in fp16; the scaler skips that step.
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        self.add(state.global_step, {**values, "seconds": time.perf_counter() - self._began})


class AverageKeeper(transformers.TrainerCallback):
    """Moves the average of the weights after each step, and keeps it in the states.

    Args:
        average: The average.
        folder: The folder of the training.
    """

    def __init__(self, average: Average, folder: Path) -> None:
        self._average = average
        self._folder = folder

    def restore(self, step: int) -> None:
        """Take up the average of a state."""
        self._average.load(state_path(self._folder, step) / AVERAGE_FILE)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up the average where the state left it."""
        if state.global_step:
            self.restore(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move the average."""
        self._average.update(state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the average in the state."""
        if is_first_process():
            self._average.save(state_path(self._folder, state.global_step) / AVERAGE_FILE)


class DevGrading(transformers.TrainerCallback, ExportableState):
    """Grades the dev questions while training, keeps the best weights, and stops early.

    The best step is the one with the best value of the primary metric; among equals, the one with
    the lowest loss. Grading
    draws no random numbers that the training would draw. It is done by one process; the others
    are told.

    Args:
        score: Scores the dev questions by the weights the model has when it is called.
        dev: The dev questions, with answers.
        settings: `evaluate_every` and `patience`.
        best: Where the best weights are kept.
        recorder: Told of the metric, such as `dev_map_at_3`, and of `dev_loss`.
        dev_loss: The loss of scores; that of a softmax over the options if not given.
        average: Graded and kept in place of the weights, if given.
        folder: The folder of the training.

    Attributes:
        best_step: The best step so far; 0 before the first grading.
        best_value: Its value of the metric; None before the first grading.
        stopped: Whether the training was stopped early.
    """

    def __init__(
        self,
        score: Callable[[], ScoreMatrix],
        dev: Exam,
        settings: TrainingSettings,
        *,
        best: BestWeights,
        recorder: CurveRecorder,
        folder: Path,
        dev_loss: DevLoss | None = None,
        average: Average | None = None,
    ) -> None:
        self._score = score
        self._dev = dev
        self._settings = settings
        self._best = best
        self._recorder = recorder
        self._folder = folder
        self._dev_loss = dev_loss or choice_loss
        self._average = average
        self._metric = dev_metric()
        self.best_step = 0
        self.best_value: float | None = None
        self.best_loss = math.inf
        self.n_worse = 0
        self.graded_step = 0
        self.stopped = False

    def state(self) -> dict[str, Any]:
        """Return what a state keeps."""
        names = ("best_step", "best_value", "n_worse", "graded_step", "stopped")
        kept = {name: getattr(self, name) for name in names}
        # JSON has no infinity.
        kept["best_loss"] = self.best_loss if math.isfinite(self.best_loss) else None
        return {"args": {}, "attributes": kept}

    def restore(self, step: int) -> None:
        """Take up what the state of a step kept."""
        for name, value in read_callback_state(
            state_path(self._folder, step), type(self).__name__
        ).items():
            unset = math.inf if name == "best_loss" else None
            setattr(self, name, unset if value is None else value)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up what the state kept."""
        if state.global_step:
            self.restore(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Grade where it is time: the end of an epoch is a step's end, before its state."""
        every = self._settings.evaluate_every
        if every:
            due = state.global_step % every == 0
        else:
            due = abs(state.epoch - round(state.epoch)) < 1e-9
        if due or state.global_step >= state.max_steps or control.should_training_stop:
            self.grade(state.global_step)
            if self.stopped:
                # With a state, so that a resume knows of the stop.
                control.should_training_stop = True
                control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Drop weights that no state speaks of."""
        if is_first_process():
            states = whole_states(self._folder)
            name = type(self).__name__
            steps = {read_callback_state(one, name).get("best_step", 0) for one in states}
            self._best.prune({*steps, self.best_step})

    def grade(self, step: int) -> None:
        """Grade the dev questions after a step; a step is graded once."""
        if step == self.graded_step:
            return
        self.graded_step = step
        with self._average.applied() if self._average else nullcontext(), undisturbed():
            found, loss = _shared(self._graded() if is_first_process() else (0.0, 0.0))
            metric = self._metric
            self._recorder.add(step, {f"{PREFIX}{metric.name}": found, "dev_loss": loss})
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

    def _graded(self) -> tuple[float, float]:
        scores = self._score()
        value = float(self._metric.values(self._dev, scores.ranking).mean())
        return value, self._dev_loss(scores, self._dev)


class StateMark(transformers.TrainerCallback):
    """Marks each state as whole once all of it is written. The last of the callbacks.

    Args:
        folder: The folder of the training.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the mark, after every process has written its part."""
        wait_for_all()
        if is_first_process():
            mark_state(state_path(self._folder, state.global_step))


def choice_loss(scores: ScoreMatrix, exam: Exam) -> float:
    """Return the mean cross-entropy of a softmax over each question's scores."""
    values = np.where(scores.present, scores.values.astype(np.float64), -np.inf)
    values -= values.max(axis=1, keepdims=True)
    logs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(exam)), exam.answers].mean())


def _shared(values: tuple[float, float]) -> tuple[float, float]:
    """Return the first process's numbers, in every process."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values
    told: list[Any] = [values]
    torch.distributed.broadcast_object_list(told, src=0)
    first, second = told[0]
    return float(first), float(second)
