"""Progress on stderr: one bar per stage on a terminal, else one line per stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


@contextmanager
def stage_progress(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield a function to call with a stage's name, the work done and the total work."""
    if not console.is_terminal:
        yield (
            lambda name, n_done, n_all: (
                None if n_done else console.print(f"- {name}", soft_wrap=True)
            )
        )
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    text = TextColumn("{task.description}", markup=False)
    counted = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(SpinnerColumn(), text, *counted, console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def announce(name: str, n_done: int, n_all: int | None) -> None:
            if name not in tasks:
                for earlier in tasks.values():
                    progress.update(earlier, visible=False)
                tasks[name] = progress.add_task(name, total=None)
            progress.update(tasks[name], completed=n_done, total=n_all)

        yield announce


@contextmanager
def question_progress(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with the number of finished questions and of all questions."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda n_done, n_all: progress.update(task, completed=n_done, total=n_all)
