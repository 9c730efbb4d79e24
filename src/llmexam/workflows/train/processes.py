"""Distributed training with `torchrun`: rank 0 prepares and writes, the others wait."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from llmexam.errors import RunError
from llmexam.training.base.processes import is_first_process, n_processes

# Preparing may mean indexing an encyclopedia.
_LONGEST_WAIT = timedelta(hours=24)


class Crew:
    """The processes of a distributed training run.

    They agree by the store that torchrun keeps for its workers, because files of an earlier run
    could be taken for those of this one.

    Raises:
        RunError: There are several, and they were not started by torchrun.
    """

    def __init__(self) -> None:
        self._store: Any = None
        if n_processes() == 1:
            return
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
            raise RunError(
                "WORLD_SIZE is set, but this process was not started by torchrun",
                hint="Start with: torchrun --nproc-per-node N -m llmexam train RECIPE",
            )
        from torch.distributed import (  # type: ignore[attr-defined]
            PrefixStore,
            TCPStore,
        )

        store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
        # A worker that torchrun has restarted must not see the words of the one before.
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        self._store = PrefixStore(f"llmexam/{attempt}", store)

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints."""
        return is_first_process()

    def tell(self, key: str, text: str) -> None:
        """Send a value to the other processes, if there are any."""
        if self._store is not None:
            self._store.set(key, text)

    def hear(self, key: str) -> str:
        """Wait for a value from the first process."""
        self._store.wait([key], _LONGEST_WAIT)
        found: bytes = self._store.get(key)
        return found.decode("utf-8")
