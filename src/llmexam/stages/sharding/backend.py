"""Interface of what runs workers: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        ticket: The number that `submit` returned.
        answer: What `work.perform` returned, or None if the worker ended before.
        reason: Why the worker ended, if it did.
    """

    ticket: int
    answer: str | None
    reason: str = ""


class Backend(Protocol):
    """Runs `work.perform` in workers. A worker may end at any time; the task is then reported.

    Attributes:
        name: What it is called in messages.
        ahead: Tasks to submit per worker, so that none waits for the next one.
    """

    name: str
    ahead: int

    def n_workers(self) -> int:
        """Return the number of workers at present, at least 1."""
        ...

    def submit(self, text: str) -> int:
        """Hand out a task, and return its ticket."""
        ...

    def wait(self) -> list[Outcome]:
        """Return the next outcomes; waits for one at least."""
        ...

    def cancel(self) -> None:
        """Stop all tasks that were handed out, and forget them."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...
