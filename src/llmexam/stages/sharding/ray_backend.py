"""Workers of a Ray cluster. Ray only hands out texts; all data passes through files.

`local` starts a cluster on this machine for the time of the command. Its processes listen on the
loopback interface only, and ask for a random token, because whoever reaches a Ray cluster can run
programs on it.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from llmexam.errors import MissingDependencyError, RunError
from llmexam.machine import is_running, n_cores
from llmexam.stages.sharding.backend import Outcome
from llmexam.stages.sharding.processes import import_path
from llmexam.stages.sharding.work import perform

LOCAL = "local"
_STORE_BYTES = 80_000_000
# The name of a socket in the folder of a session has at most 107 bytes.
_LONGEST_FOLDER = 30
_PREFIX = "llmexam-ray-"
# Ray reads it once in a process.
_TOKEN = secrets.token_hex(32)
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Ray prints the end of a worker to standard output, where results of commands go.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
}
_PRIVATE = {
    # With this Ray uses the loopback interface on Linux, too.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    # Without its head, a cluster of one machine is of no use; Ray would wait for a minute.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "10",
}


class RayBackend:
    """Workers of a Ray cluster.

    Args:
        address: `local`, or HOST:PORT of the head of a cluster that this machine is part of.
        n_workers: Workers to start (`local`), or to use at most; None for all cores.
        cpus: Processor cores that each worker occupies.
        gpus: GPUs that each worker occupies.

    Raises:
        MissingDependencyError: Ray is not installed.
        RunError: The cluster cannot be started or reached.
    """

    ahead = 2

    def __init__(
        self, address: str, n_workers: int | None = None, *, cpus: float = 1.0, gpus: float = 0.0
    ) -> None:
        self.name = "Ray on this machine" if address == LOCAL else f"the Ray cluster at {address}"
        self._most = n_workers
        self._needs = {"CPU": cpus, "GPU": gpus}
        self._folder: Path | None = None
        self._is_closed = False
        self._tickets = itertools.count()
        self._tasks: dict[Any, int] = {}
        self._ray = self._start() if address == LOCAL else self._connect(address)
        remote = self._ray.remote(
            num_cpus=cpus, num_gpus=gpus, max_retries=0, scheduling_strategy="SPREAD"
        )
        self._perform = remote(perform)

    def n_workers(self) -> int:
        """Return the number of workers that the cluster has room for at present."""
        have = self._ray.cluster_resources()
        room = [int(have.get(name, 0) / need) for name, need in self._needs.items() if need]
        return max(1, min([*room, *([self._most] if self._most else [])]))

    def submit(self, text: str) -> int:
        """Hand out a task, and return its ticket."""
        ticket = next(self._tickets)
        self._tasks[self._perform.remote(text)] = ticket
        return ticket

    def wait(self) -> list[Outcome]:
        """Return the next outcomes; waits for one at least."""
        waiting = list(self._tasks)
        ready, _ = self._ray.wait(waiting, num_returns=1)
        # What else is ready needs no wait.
        more, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        return [self._outcome(one) for one in dict.fromkeys([*ready, *more])]

    def cancel(self) -> None:
        """Stop all tasks that were handed out, and forget them."""
        for task in self._tasks:
            with suppress(self._ray.exceptions.RayError):
                self._ray.cancel(task, force=True)
        self._tasks.clear()

    def close(self) -> None:
        """Leave the cluster; one that was started here is ended."""
        if self._is_closed:
            return
        self._is_closed = True
        self._ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _outcome(self, task: Any) -> Outcome:
        ticket = self._tasks.pop(task)
        try:
            return Outcome(ticket, str(self._ray.get(task)))
        except self._ray.exceptions.RayError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return Outcome(ticket, None, f"{type(error).__name__}: {lines[0] if lines else ''}")

    def _start(self) -> Any:
        n_workers = self._most or n_cores()
        base = tempfile.gettempdir()
        base = base if len(base) <= _LONGEST_FOLDER else "/tmp"
        _delete_leftovers(Path(base))
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
        cores = max(1, round(n_workers * self._needs["CPU"]))
        changes = {
            **_QUIET,
            **_PRIVATE,
            "RAY_AUTH_TOKEN": _TOKEN,
            # Workers import the same llmexam, and the same plug-ins.
            "PYTHONPATH": import_path(),
        }
        with _environment(changes):
            ray = _import()
            found = self._init(
                ray,
                address=LOCAL,
                num_cpus=cores,
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(self._folder),
            )
        own = ray.util.get_node_ip_address()
        if own not in ("127.0.0.1", "::1"):
            self.close()
            raise RunError(
                f"Ray would listen on {own}, which other machines reach",
                hint="Import llmexam and start its cluster before anything else imports ray",
            )
        return found

    def _connect(self, address: str) -> Any:
        with _environment(_QUIET):
            ray = _import()
            _require_listening(address)
            return self._init(ray, address=address)

    def _init(self, ray: Any, **options: Any) -> Any:
        if ray.is_initialized():
            raise RunError(
                "this process is connected to a Ray cluster already",
                hint="Call ray.shutdown() before",
            )
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
        except (RuntimeError, ConnectionError, ValueError, OSError, TimeoutError) as error:
            raise RunError(
                f"{self.name} cannot be used: {str(error).splitlines()[0]}",
                hint="Check that the address is right and that this machine is part of the cluster",
            ) from None
        return ray


def _require_listening(address: str) -> None:
    """Check that something listens, which Ray would find out after some minutes.

    Raises:
        RunError: Nothing does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise RunError(
            f"cannot connect to the Ray cluster at {address}: {error}",
            hint="Check the address that `ray start --head` printed, and that the head is running",
        ) from None


def _delete_leftovers(base: Path) -> None:
    """Delete the folders of clusters whose commands were killed."""
    for folder in base.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with suppress(OSError, ValueError):
            if not is_running(int(pid), since=folder.stat().st_mtime):
                shutil.rmtree(folder, ignore_errors=True)


def _import() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise MissingDependencyError("a cluster", "ray", "scale") from None
    return ray


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, which the processes that are started inherit."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
