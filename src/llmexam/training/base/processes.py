"""The processes of one training: torchrun starts several, and the first one writes and prints."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Return whether this process writes and prints: the only one, or rank 0 of torchrun."""
    return int(os.environ.get("RANK", "0")) == 0


def n_processes() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def wait_for_all() -> None:
    """Wait until every process is here; at once where there is only one."""
    if n_processes() > 1:
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized():
            distributed.barrier()
