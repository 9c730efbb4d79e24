"""Main module of a worker process: `python -m llmexam.stages.sharding.serve`."""

from __future__ import annotations

import os
import queue
import sys
import threading

from llmexam.stages.sharding.work import perform


def serve() -> None:
    """Read tasks from standard input, one JSON text a line, and answer each on standard output."""
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the answers.
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            tasks.put(line)
        # The main process has ended, or needs no more.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        answers.write(perform(tasks.get().decode()).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    serve()
