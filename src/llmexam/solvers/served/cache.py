"""Cache of endpoint answers on disk; each is written as it arrives, so none is paid for twice."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from llmexam.storage.answer_store import AnswerStore


class AnswerCache:
    """Answers of endpoints, by request.

    Args:
        folder: Where the store is; made when the first answer is about to be asked for.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        self._store = AnswerStore(self.folder)

    def prepare(self) -> None:
        """Create the store, so that an unwritable folder is an error at the start.

        Raises:
            OSError: It cannot be made.
        """
        self._store.prepare()

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Cache a value.

        Raises:
            OSError: It cannot be written.
        """
        self._store.put({key.encode(): json.dumps(value).encode()})

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the cached value of a key, written by this process or another, or None."""
        found = self._store.get([key.encode()]).get(key.encode())
        return self._earlier.get(key) if found is None else json.loads(found)

    @cached_property
    def _earlier(self) -> dict[str, dict[str, Any]]:
        """What earlier versions kept, in files of lines: it was paid for."""
        found: dict[str, dict[str, Any]] = {}
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                try:
                    entry = json.loads(line)
                    found.setdefault(entry["key"], dict(entry["value"]))
                except (ValueError, TypeError, KeyError, RecursionError):
                    continue  # a line that a kill cut in half
        return found
