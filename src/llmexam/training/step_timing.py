"""A few steps with a clock and a scale beside them."""

from __future__ import annotations

import time
from typing import Any

import psutil
import torch
import transformers
from transformers.trainer_callback import PrinterCallback

N_TIMED = 3
"""Steps that are timed, after one that is not."""
_MB = 1e6


class StepWatch(transformers.TrainerCallback):
    """Takes the time and the memory of each step.

    Attributes:
        seconds: Time of each step.
        peak: Most memory held at the end of one, in bytes.
        losses: Loss of each step, where every step is logged.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.peak = 0
        self.losses: list[float] = []
        self._began = 0.0

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
        """Keep the loss."""
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))


def watch_steps(trainer: transformers.Trainer) -> StepWatch:
    """Return what the steps of a training took; no state is kept."""
    watch = StepWatch()
    trainer.args.save_strategy = transformers.trainer_utils.SaveStrategy.NO
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(watch)
    trainer.train()
    return watch


def time_steps(trainer: transformers.Trainer) -> tuple[float, float]:
    """Return the seconds of a step, the mean of a few, and the most memory held in one, in MB.

    The first step, which makes the optimiser's states, is not in the mean if there are others.
    The trainer's `max_steps` must be `1 + N_TIMED` at most.
    """
    watch = watch_steps(trainer)
    timed = watch.seconds[1:] or watch.seconds
    return sum(timed) / len(timed), watch.peak / _MB
