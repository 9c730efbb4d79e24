"""Cores, memory, disk sync, processes and addresses of this machine, on every operating system.

Everything that only some systems have is asked for here, so that all other modules import and
run on Linux, macOS and Windows alike.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from ipaddress import ip_address
from multiprocessing import connection, parent_process
from pathlib import Path


def n_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address always means this machine.

    >>> [is_loopback(host) for host in ("localhost", "LOCALHOST.", "127.9.9.9", "[::1]")]
    [True, True, True, True]
    >>> [is_loopback(host) for host in ("0.0.0.0", "10.0.0.1", "example.org", "")]
    [False, False, False, False]
    """
    name = host.lower().rstrip(".")
    if name == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


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


def limit_address_space(n_bytes: int) -> None:
    """Limit the address space of this process and its children, where the system has such a limit.

    Args:
        n_bytes: The limit; 0 for none.
    """
    if sys.platform == "win32" or not n_bytes:
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))


def peak_memory_of_children() -> int:
    """Return the peak memory of the largest child that has ended, in bytes; 0 on Windows."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def is_running(pid: int, *, since: float) -> bool:
    """Return whether a process runs that already ran at a time, in seconds since 1970.

    Numbers of processes are used again, so a process that began later is another one.
    """
    import psutil

    try:
        # The time of a start is derived from that of the boot, which clock changes shift.
        return bool(psutil.Process(pid).create_time() <= since + 60.0)
    except psutil.AccessDenied:
        return True
    except (psutil.Error, OSError, ValueError, OverflowError):
        return False


def process_seconds() -> float:
    """Return how long this process has been running, in seconds of the system's clock."""
    import psutil

    return max(0.0, time.time() - psutil.Process().create_time())


def end_with_parent() -> None:
    """End this worker process as soon as its parent process has ended, even if it was killed.

    A worker of a pool waits for its next task for ever otherwise, because no signal reports that
    the parent was killed.
    """
    parent = parent_process()
    if parent is None:
        return

    def watch(sentinel: int) -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def kill_with_parent() -> None:
    """Let the system kill this process when its parent ends, where it can (Linux).

    Unlike `end_with_parent`, this also ends a process that is busy in a library. It counts from
    the thread that started the process, which must live as long as the parent.
    """
    if not sys.platform.startswith("linux"):
        return
    set_death_signal = 1  # PR_SET_PDEATHSIG
    parent = parent_process()
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)


def exchange_paths(one: Path, other: Path) -> bool:
    """Exchange two files or folders in one atomic step, if the system can.

    Returns:
        Whether they were exchanged. If not, nothing has changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(library.renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


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
