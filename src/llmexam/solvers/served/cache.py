"""Answers of endpoints on disk, each written as it arrives, so that none is paid for twice."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from llmexam.storage.answer_store import AnswerStore


class AnswerCache:
    """What endpoints have answered, by what they were asked.

    Args:
        folder: Where the store is; made when the first answer is about to be asked for.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        self._store = AnswerStore(self.folder)

    def prepare(self) -> None:
        """Make the store, so that a folder that cannot be written to shows at once.

        Raises:
            OSError: It cannot be made.
        """
        self._store.prepare()

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep a value.

        Raises:
            OSError: It cannot be written.
        """
        self._store.put({key.encode(): json.dumps(value).encode()})

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what is kept under a key, by this process or another, or None."""
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
                except (ValueError, TypeError, KeyError):
                    continue  # a line that a kill cut in half
        return found
