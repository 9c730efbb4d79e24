"""Time and memory of the stages of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StageRecord:
    """Time and memory of one stage.

    Attributes:
        name: The stage.
        seconds: Wall time.
        peak_mb: Peak memory of the process so far when the stage ended, in MB (10^6 bytes).
        cached: Whether its result was taken from an earlier run.
    """

    name: str
    seconds: float
    peak_mb: float
    cached: bool = False
