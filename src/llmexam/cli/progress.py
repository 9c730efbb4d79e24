"""Progress on stderr: a spinner with the stage's name, or a line a stage where no one watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def stage_progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Yield a function to call with the name of each stage as it begins."""
    if not console.is_terminal:
        yield lambda name: console.print(f"- {name}", highlight=False, soft_wrap=True)
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = []

        def announce(name: str) -> None:
            if tasks:
                progress.update(tasks[-1], completed=1, visible=False)
            tasks.append(progress.add_task(name, total=1))

        yield announce
