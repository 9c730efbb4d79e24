"""TensorBoard tracker; view with `tensorboard --logdir FOLDER`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from llmexam.tracking.settings import TrackingSettings


class TensorBoardTracker:
    """Writes event files.

    Args:
        settings: How to track.
        folder: Gets `tensorboard/`.
    """

    def __init__(self, settings: TrackingSettings, folder: Path) -> None:
        self._folder = folder / "tensorboard"
        self._writer: Any = None
        self._text = ""
        self._last_step = 0

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Start a run; the settings are logged as text."""
        text = json.dumps(dict(settings), indent=2, default=str)
        # Four spaces make a block of code in Markdown.
        self._text = f"{name}\n\n" + "\n".join(f"    {line}" for line in text.splitlines())

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log values at a step."""
        if self._writer is None:
            # purge_step drops values of this and later steps from a killed process, because a
            # resumed training repeats these steps.
            self._writer = SummaryWriter(str(self._folder), purge_step=step)
            self._writer.add_text("settings", self._text, 0)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._last_step = step

    def add_file(self, path: Path) -> None:
        """Log an image; other files are ignored."""
        if self._writer is not None and path.suffix.lower() == ".png":
            pixels = np.asarray(Image.open(path).convert("RGB"))
            self._writer.add_image(path.stem, pixels, self._last_step, dataformats="HWC")

    def finish(self) -> None:
        """Write pending events and close the files."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
