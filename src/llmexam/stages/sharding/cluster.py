"""A cluster as commands use it: chosen by the user, started when the first shard needs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator

from llmexam.errors import plural
from llmexam.machine import n_cores
from llmexam.settings.base import Settings
from llmexam.stages.sharding.backend import Backend
from llmexam.stages.sharding.handing_out import HandingOut
from llmexam.stages.sharding.job import Finished, Job, Shard, shards_of
from llmexam.stages.sharding.processes import ProcessBackend
from llmexam.stages.sharding.ray_backend import LOCAL, RayBackend

PROCESSES = "processes"
Tell = Callable[[str], None]


def _nothing(message: str) -> None:
    pass


def require_address(value: str) -> str:
    """Return a text that says where shards are computed.

    >>> require_address("10.0.0.1:6379")
    '10.0.0.1:6379'

    Raises:
        ValueError: It says nothing of that kind.
    """
    host, colon, port = value.rpartition(":")
    is_head = colon and host and port.isdigit() and "/" not in host
    if value not in (LOCAL, PROCESSES) and not is_head:
        raise ValueError(
            f"expected {LOCAL}, {PROCESSES} or HOST:PORT, got '{value}'; `ray start --head` "
            "prints HOST:PORT"
        )
    return value


class ClusterSettings(Settings):
    """Where shards are computed."""

    shorthand = "address"

    address: str = Field(
        description="local: a Ray cluster on this machine, started for the command; processes: "
        "processes of this machine, without Ray; HOST:PORT: the head of a running Ray cluster that "
        "this machine is part of"
    )
    workers: int | None = Field(
        None, ge=1, le=100_000, description="number of workers; by default, one per core"
    )
    cpus_per_worker: float = Field(1.0, gt=0, description="cores that Ray reserves for a worker")
    gpus_per_worker: float = Field(
        0.0, ge=0, description="GPUs that Ray reserves for a worker; 0.5 lets two share one"
    )
    attempts: int = Field(
        5, ge=1, le=100, description="how often a shard is tried before the command fails"
    )

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return require_address(value)


class Cluster:
    """Hands out the shards of jobs. A context manager, which ends the workers.

    Args:
        settings: Where shards are computed; or the address alone, with further settings by
            keyword.
        tell: Called with what a person should know: the start, lost workers, and an account of
            each job.
        values: Settings by keyword.

    Raises:
        SettingsError: A setting is wrong.
    """

    def __init__(
        self, settings: ClusterSettings | str, tell: Tell = _nothing, **values: Any
    ) -> None:
        if not isinstance(settings, ClusterSettings):
            settings = ClusterSettings.parse({"address": settings, **values}, subject="the cluster")
        self._settings = settings
        self._tell = tell
        self._backend: Backend | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def backend(self) -> Backend:
        """What runs the workers; started when it is first asked for."""
        if self._backend is None:
            begin = time.perf_counter()
            self._backend = _start(self._settings)
            self._tell(
                f"connected to {self._backend.name}: "
                f"{plural(self._backend.n_workers(), 'worker')}, "
                f"{time.perf_counter() - begin:.1f} s"
            )
        return self._backend

    def tell(self, message: str) -> None:
        """Tell a person something about where work is done."""
        self._tell(message)

    def map(
        self,
        job: Job,
        shards: Iterable[Shard],
        advance: Callable[[int], None] = lambda n_rows: None,
    ) -> Iterator[Finished]:
        """Yield the shards of a job in order; those of an earlier call are used again.

        Args:
            job: What is done to each shard.
            shards: The shards, numbered from 0. They are read as workers become free.
            advance: Called with the number of rows of each finished shard.

        Raises:
            RunError: A shard failed, or the workers do not share the folder or the version of
                this process.
            MissingDependencyError: Ray is not installed.
        """
        handing_out = HandingOut(
            self.backend,
            job,
            attempts=self._settings.attempts,
            tell=self._tell,
            advance=advance,
        )
        yield from handing_out.run(shards)
        self._tell(f"{job.name}: {handing_out.account}")

    def map_rows(
        self,
        job: Job,
        rows: Sequence[Any],
        *,
        size: int,
        pack: Callable[[Sequence[Any]], bytes],
        suffix: str,
        progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[Path]:
        """Yield the output of each shard of consecutive rows, in order.

        Args:
            job: What is done to each shard.
            rows: The rows.
            size: Rows of a shard; the last one may have fewer.
            pack: Returns rows as the input of a shard.
            suffix: Suffix of the outputs, such as `.json`.
            progress: Called with the number of rows that are done, and of all.

        Raises:
            RunError: See `map`.
            MissingDependencyError: Ray is not installed.
        """
        n_done = 0

        def advance(n_rows: int) -> None:
            nonlocal n_done
            n_done += n_rows
            if progress is not None:
                progress(n_done, len(rows))

        for finished in self.map(job, shards_of(rows, size, pack, job.folder, suffix), advance):
            yield finished.shard.output

    def close(self) -> None:
        """End the workers, or leave a cluster that was running before."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None


def _start(settings: ClusterSettings) -> Backend:
    if settings.address == PROCESSES:
        return ProcessBackend(settings.workers or n_cores())
    return RayBackend(
        settings.address,
        settings.workers,
        cpus=settings.cpus_per_worker,
        gpus=settings.gpus_per_worker,
    )


@contextmanager
def open_cluster(
    settings: ClusterSettings | None, tell: Tell = _nothing
) -> Iterator[Cluster | None]:
    """Yield a cluster, which is closed at the end; None for no settings."""
    if settings is None:
        yield None
        return
    with Cluster(settings, tell) as cluster:
        yield cluster
