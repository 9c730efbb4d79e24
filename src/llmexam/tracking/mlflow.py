"""MLflow tracker: a local database, or the server of MLFLOW_TRACKING_URI."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmexam.storage.atomic import write_text
from llmexam.tracking.settings import TrackingSettings

_LONGEST_VALUE = 500


class MlflowTracker:
    """Logs to MLflow. A resumed training run continues the same MLflow run.

    Args:
        settings: How to track.
        folder: Gets `mlflow.db`, `mlartifacts/`, and `mlflow_run` with the run's id.
    """

    def __init__(self, settings: TrackingSettings, folder: Path) -> None:
        # No extra brings MLflow, so the module must be importable without it.
        from mlflow.tracking import MlflowClient

        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.absolute()
        self._is_local = not os.environ.get("MLFLOW_TRACKING_URI")
        uri = f"sqlite:///{self._folder / 'mlflow.db'}" if self._is_local else None
        self._client = MlflowClient(tracking_uri=uri)
        self._project = settings.project
        self._run = ""

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Start a run, or resume the one that was started in this folder."""
        note = self._folder / "mlflow_run"
        if note.is_file():
            self._run = note.read_text("utf-8").strip()
            self._client.update_run(self._run, status="RUNNING")
            return
        experiment = self._client.get_experiment_by_name(self._project)
        place = (self._folder / "mlartifacts").as_uri() if self._is_local else None
        number = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(self._project, artifact_location=place)
        )
        self._run = self._client.create_run(number, run_name=name).info.run_id
        write_text(note, f"{self._run}\n")
        for key, value in _flat(settings):
            self._client.log_param(self._run, key, str(value)[:_LONGEST_VALUE])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log values at a step."""
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def add_file(self, path: Path) -> None:
        """Log a file as artifact."""
        self._client.log_artifact(self._run, str(path))

    def finish(self) -> None:
        """End the run."""
        if self._run:
            self._client.set_terminated(self._run)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        path = f"{before}.{name}" if before else str(name)
        if isinstance(value, Mapping):
            yield from _flat(value, path)
        else:
            yield path, value
