"""Progress bar of a training on stderr, only on a terminal."""

from __future__ import annotations

import sys
import time
from typing import Any

import transformers
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from llmexam.training.base.processes import is_first_process, n_processes


class ProgressBar(transformers.TrainerCallback):
    """Progress bar with steps, questions per second, loss and remaining time.

    Args:
        console: The console; stderr if None.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr, markup=False, emoji=False)
        self._progress: Progress | None = None
        self._task: Any = None
        self._began = 0.0
        self._first_step = 0
        self._words: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start drawing."""
        self._began, self._first_step = time.perf_counter(), state.global_step
        if not (self._console.is_terminal and is_first_process()):
            return
        self._progress = Progress(
            TextColumn("train", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._progress.start()
        self._task = self._progress.add_task("", total=state.max_steps, completed=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move on by a step."""
        if self._progress is None:
            return
        per_step = (
            args.per_device_train_batch_size * args.gradient_accumulation_steps * n_processes()
        )
        n_steps = state.global_step - self._first_step
        seconds = max(time.perf_counter() - self._began, 1e-9)
        left = (state.max_steps - state.global_step) * seconds / n_steps
        words = [f"{n_steps * per_step / seconds:.1f} questions/s", f"{_clock(left)} left"]
        words += [f"{name} {value}" for name, value in self._words.items()]
        self._progress.update(self._task, completed=state.global_step, description=", ".join(words))

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Show the loss."""
        if logs and "loss" in logs:
            self._words["loss"] = f"{float(logs['loss']):.3f}"

    def close(self) -> None:
        """Remove the bar, also after an error."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _clock(seconds: float) -> str:
    """Return a duration as `h:mm:ss`.

    >>> _clock(3725)
    '1:02:05'
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
