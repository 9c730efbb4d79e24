"""Answers on disk, each written as it arrives, so that none is paid for twice.

A folder holds files of lines; each process adds lines to a file of its own, so that two at once
need no lock, and what a kill cut in half is the last line of a file, which counts for nothing.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from llmexam.machine import sync_to_disk


class AnswerCache:
    """What endpoints have answered, by what they were asked.

    Args:
        folder: Where the files are; made when the first answer is about to be asked for.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        self._places: dict[str, tuple[Path, int]] = {}
        # How far each file has been read: up to the end of its last whole line.
        self._ends: dict[Path, int] = {}
        self._own: Path | None = None
        self._is_synced = True

    def prepare(self) -> None:
        """Make this process's file, so that a folder that cannot be written to shows at once.

        Raises:
            OSError: It cannot be made.
        """
        if self._own is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{uuid.uuid4().hex}.jsonl"
            path.touch(mode=0o600, exist_ok=False)
            self._own = path

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep a value; once this returns, a kill of the process cannot take it away.

        Raises:
            OSError: It cannot be written.
        """
        self.prepare()
        line = json.dumps({"key": key, "value": value}, ensure_ascii=True) + "\n"
        # A full disk may leave half a line, which would spoil the next one: that gets a new file.
        path, self._own = self._own, None
        assert path is not None
        with path.open("ab") as stream:
            stream.write(line.encode("ascii"))
        self._own = path
        self._is_synced = False

    def sync(self) -> None:
        """Bring what was put to the disk, so that not even a power cut can take it away."""
        if self._own is not None and not self._is_synced:
            sync_to_disk(self._own)
            self._is_synced = True

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what is kept under a key, or None; `refresh` first to see the newest."""
        place = self._places.get(key)
        if place is None:
            return None
        try:
            with place[0].open("rb") as stream:
                stream.seek(place[1])
                entry = _read(stream.readline())
        except OSError:  # the user has emptied the folder
            return None
        return entry[1] if entry is not None and entry[0] == key else None

    def refresh(self) -> None:
        """Take in what was written since, by this process and by others."""
        for path in sorted(self.folder.glob("*.jsonl")):
            start = self._ends.get(path, 0)
            try:
                if path.stat().st_size > start:
                    self._ends[path] = self._take_in(path, start)
            except OSError:
                continue

    def _take_in(self, path: Path, start: int) -> int:
        with path.open("rb") as stream:
            stream.seek(start)
            for line in stream:
                if not line.endswith(b"\n"):
                    break  # still being written, or cut in half by a kill
                entry = _read(line)
                if entry is not None:
                    self._places.setdefault(entry[0], (path, start))
                start += len(line)
        return start


def _read(line: bytes) -> tuple[str, dict[str, Any]] | None:
    try:
        entry = json.loads(line)
        key, value = entry["key"], entry["value"]
    except (ValueError, TypeError, KeyError):
        return None
    return (key, value) if isinstance(key, str) and isinstance(value, dict) else None
