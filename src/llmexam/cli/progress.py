"""Progress on stderr: a spinner with the stage's name, or a line a stage where no one watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


@contextmanager
def stage_progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Yield a function to call with the name of each stage as it begins."""
    if not console.is_terminal:
        yield lambda name: console.print(f"- {name}", highlight=False, soft_wrap=True)
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: list[TaskID] = []

        def announce(name: str) -> None:
            if tasks:
                progress.update(tasks[-1], completed=1, visible=False)
            tasks.append(progress.add_task(name, total=1))

        yield announce


@contextmanager
def question_progress(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to call with how many questions are done, and how many there are."""
    from rich.progress import Progress

    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda n_done, n_all: progress.update(task, completed=n_done, total=n_all)
