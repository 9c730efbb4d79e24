"""Progress bar of a Keras training on stderr, only on a terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class StepBar:
    """Progress bar with steps, loss and remaining time.

    Args:
        n_steps: Steps in all.
        first: Steps that were taken already.
        console: The console; stderr if None.
    """

    def __init__(self, n_steps: int, first: int = 0, console: Console | None = None) -> None:
        self._progress: Progress | None = None
        self._task: Any = None
        console = console or Console(file=sys.stderr, markup=False, emoji=False)
        if not console.is_terminal:
            return
        self._progress = Progress(
            TextColumn("train", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._progress.start()
        self._task = self._progress.add_task("", total=n_steps, completed=first)

    def advance(self, step: int) -> None:
        """Move on to a step."""
        if self._progress is not None:
            self._progress.update(self._task, completed=step)

    def show(self, loss: float) -> None:
        """Show the loss."""
        if self._progress is not None:
            self._progress.update(self._task, description=f"loss {loss:.3f}")

    def close(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
