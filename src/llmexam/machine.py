"""Cores, memory and disk sync of this machine and process, on every operating system.

Everything that only some systems have is asked for here, so that all other modules import and
run on Linux, macOS and Windows alike.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def n_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_is_command = False


def mark_as_command() -> None:
    """Note that this process was started by `llmexam` or `python -m llmexam`."""
    global _is_command
    _is_command = True


def started_as_command() -> bool:
    """Return whether this process runs a command of llmexam, and not a script of the user."""
    return _is_command


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process, in MB (10^6 bytes)."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 1e6)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux counts units of 1024 bytes.
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def sync_to_disk(path: Path) -> None:
    """Flush a file, or the entries of a folder, from the system's cache to the disk."""
    if sys.platform == "win32":
        # Windows opens no folders, and flushes only files that are open for writing.
        if path.is_file():
            with path.open("r+b") as stream:
                os.fsync(stream.fileno())
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
