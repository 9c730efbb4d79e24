"""Weights & Biases tracker: offline, or online if a key is set."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import wandb

from llmexam.errors import SettingsError
from llmexam.storage.atomic import write_text
from llmexam.tracking.settings import TrackingSettings

_KEY = "WANDB_API_KEY"


class WandbTracker:
    """Logs to Weights & Biases.

    Offline runs lie in `wandb/` and can be sent later: `wandb sync FOLDER`. A training that goes
    on after a kill goes on as the same run.

    Args:
        settings: How to track.
        folder: Gets `wandb/`, and `wandb_run` with the run's id.

    Raises:
        SettingsError: `mode: online` and there is no key in the environment.
    """

    def __init__(self, settings: TrackingSettings, folder: Path) -> None:
        has_key = bool(os.environ.get(_KEY))
        if settings.mode == "online" and not has_key:
            raise SettingsError(
                f"W&B in mode online needs the environment variable {_KEY}",
                field="tracking.mode",
                hint="Set it, or use mode: offline",
            )
        offline = settings.mode == "offline" or not has_key
        self._mode: Literal["offline", "online"] = "offline" if offline else "online"
        self._project = settings.project
        self._folder = folder
        self._run: Any = None

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Start a run, or resume the one that was started in this folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        note = self._folder / "wandb_run"
        run_id = note.read_text("utf-8").strip() if note.is_file() else secrets.token_hex(4)
        write_text(note, f"{run_id}\n")
        self._run = wandb.init(
            project=self._project,
            name=name,
            id=run_id,
            resume="allow" if self._mode == "online" else None,
            dir=str(self._folder),
            config=dict(settings),
            mode=self._mode,
            settings=wandb.Settings(
                console="off", silent=True, disable_code=True, disable_git=True
            ),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log values at a step."""
        if self._run is not None:
            self._run.log(dict(values), step=step)

    def add_file(self, path: Path) -> None:
        """Log an image to the run, or store another file with it."""
        if self._run is None:
            return
        if path.suffix.lower() == ".png":
            self._run.log({path.stem: wandb.Image(str(path))})
        else:
            self._run.save(str(path), base_path=str(path.parent), policy="now")

    def finish(self) -> None:
        """End the run."""
        if self._run is not None:
            self._run.finish()
            self._run = None
