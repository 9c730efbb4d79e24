"""Curves in the files that TensorBoard shows: `tensorboard --logdir FOLDER`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.image.metadata import create_summary_metadata as image_metadata
from tensorboard.plugins.text.metadata import create_summary_metadata as text_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from llmexam.tracking.settings import TrackingSettings


class TensorBoardTracker:
    """Writes event files.

    Args:
        settings: How to track.
        folder: Gets `tensorboard/`.
    """

    def __init__(self, settings: TrackingSettings, folder: Path) -> None:
        self._folder = folder / "tensorboard"
        self._writer: EventFileWriter | None = None
        self._last_step: int | None = None

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Begin a run; the settings are shown as a text."""
        text = json.dumps(dict(settings), indent=2, default=str)
        # Four spaces make a block of code in Markdown.
        shown = f"{name}\n\n" + "\n".join(f"    {line}" for line in text.splitlines())
        self._writer = EventFileWriter(str(self._folder))
        metadata = text_metadata(display_name="settings", description="")
        value = Summary.Value(
            tag="settings", metadata=metadata, tensor=make_tensor_proto([shown.encode("utf-8")])
        )
        self._add(Event(step=0, summary=Summary(value=[value])))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep what was measured at a step."""
        if self._last_step is None:
            # What an earlier process wrote of later steps, before it was killed, is void.
            self._add(Event(step=step, session_log=SessionLog(status=SessionLog.START)))
        self._last_step = step
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(Event(step=step, summary=Summary(value=scalars)))

    def add_file(self, path: Path) -> None:
        """Keep an image; other files are left where they are."""
        if path.suffix.lower() != ".png":
            return
        data = path.read_bytes()
        # The size of a PNG stands in its header.
        width, height = (str(int.from_bytes(data[at : at + 4], "big")) for at in (16, 20))
        tensor = make_tensor_proto([width.encode(), height.encode(), data])
        metadata = image_metadata(display_name=path.stem, description="", converted_to_tensor=True)
        value = Summary.Value(tag=path.stem, metadata=metadata, tensor=tensor)
        self._add(Event(step=self._last_step or 0, summary=Summary(value=[value])))

    def finish(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _add(self, event: Event) -> None:
        if self._writer is not None:
            event.wall_time = time.time()
            self._writer.add_event(event)
