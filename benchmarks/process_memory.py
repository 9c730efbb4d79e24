"""The peak memory of a process with its children."""

from __future__ import annotations

import threading
import time

import psutil


class Memory:
    """Looks at the resident memory of a process and its children ten times a second.

    Pages that several processes map, such as files of an index, count once for each.

    Attributes:
        peak_mb: The largest sum so far.
    """

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._process = psutil.Process(pid)
        self._is_over = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Stop looking, and return the peak."""
        self._is_over = True
        self._thread.join()
        return self.peak_mb

    def _watch(self) -> None:
        while not self._is_over:
            try:
                family = [self._process, *self._process.children(recursive=True)]
                now = sum(one.memory_info().rss for one in family) / 1e6
            except psutil.NoSuchProcess:
                if not self._process.is_running():
                    return
                continue
            self.peak_mb = max(self.peak_mb, now)
            time.sleep(0.1)
