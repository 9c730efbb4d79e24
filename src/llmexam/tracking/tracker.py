"""Interface of experiment trackers, and a tracker that discards everything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Tracker(Protocol):
    """Interface of experiment trackers."""

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Start a run.

        Args:
            name: What it is called.
            settings: Everything that was set; it holds no secrets.
        """
        ...

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log values at a step."""
        ...

    def add_file(self, path: Path) -> None:
        """Log a file, such as a plot."""
        ...

    def finish(self) -> None:
        """End the run, after everything was written or sent."""
        ...


class NoTracker:
    """Discards everything."""

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Start a run."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log values at a step."""

    def add_file(self, path: Path) -> None:
        """Log a file, such as a plot."""

    def finish(self) -> None:
        """End the run."""
