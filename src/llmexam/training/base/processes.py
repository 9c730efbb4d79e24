"""Distributed processes of a training, started by torchrun; rank 0 writes and prints."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Return whether this process writes and prints: the only one, or rank 0."""
    return int(os.environ.get("RANK", "0")) == 0


def n_processes() -> int:
    """Return the number of processes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def wait_for_all() -> None:
    """Wait for all processes (barrier); no effect with one process."""
    if n_processes() > 1:
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized():
            distributed.barrier()
