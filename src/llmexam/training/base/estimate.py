"""Estimates of a training's cost from a few timed steps."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch
import transformers
from transformers.trainer_callback import PrinterCallback

from llmexam.training.base.random_state import undisturbed
from llmexam.training.settings import TrainingSettings

N_TIMED = 3
"""Steps that are timed, after one that is not."""
MB = 1e6
AnyTraining = TypeVar("AnyTraining", bound=TrainingSettings)


class StepWatch(transformers.TrainerCallback):
    """Callback that measures time and memory of each step.

    Attributes:
        seconds: Time of each step.
        peak: Maximum memory at the end of a step, in bytes.
        losses: Loss of each step, if every step is logged.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.peak = 0
        self.losses: list[float] = []
        self._began = 0.0

    @property
    def mean_seconds(self) -> float:
        """Mean time per step, without the first one, which allocates the optimiser's state."""
        timed = self.seconds[1:] or self.seconds
        return sum(timed) / len(timed)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop the clock."""
        if args.device.type == "cuda":
            torch.cuda.synchronize()
            self.peak = torch.cuda.max_memory_allocated()
        else:
            self.peak = max(self.peak, psutil.Process().memory_info().rss)
        self.seconds.append(time.perf_counter() - self._began)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Record the loss."""
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))


def time_steps(
    settings: AnyTraining,
    make_trainer: Callable[[AnyTraining, Path], transformers.Trainer],
    **changes: Any,
) -> StepWatch:
    """Run a few training steps in a temporary folder, and return their measurements.

    Args:
        settings: Training settings.
        make_trainer: Creates the Trainer for settings and a folder.
        **changes: Settings to change in the trial.
    """
    watch = StepWatch()
    with undisturbed(), tempfile.TemporaryDirectory() as place:
        transformers.set_seed(settings.seed)
        trial = settings.model_copy(update={"max_steps": 1 + N_TIMED, **changes})
        trainer = make_trainer(trial, Path(place))
        trainer.args.save_strategy = transformers.trainer_utils.SaveStrategy.NO
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(watch)
        trainer.train()
    return watch


def count_steps(
    n_rows: int, settings: TrainingSettings, *, n_processes: int = 1
) -> tuple[int, int]:
    """Return the number of steps of all epochs, and of one.

    Args:
        n_rows: Number of examples per epoch.
        settings: Training settings.
        n_processes: Number of processes.
    """
    size = settings.batch_size * settings.gradient_accumulation * n_processes
    of_epoch = max(1, math.ceil(n_rows / size))
    return settings.max_steps or math.ceil(settings.n_epochs * of_epoch), of_epoch
