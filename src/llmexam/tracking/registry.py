"""Registry of trackers by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from llmexam.errors import MissingDependencyError
from llmexam.tracking.settings import TrackingSettings
from llmexam.tracking.tracker import NoTracker, Tracker

_TRACKERS = {
    "tensorboard": "llmexam.tracking.tensorboard:TensorBoardTracker",
    "wandb": "llmexam.tracking.wandb:WandbTracker",
    "mlflow": "llmexam.tracking.mlflow:MlflowTracker",
}

# The extra `track` leaves it out for its size. The small one cannot keep a database of its own.
_INSTALLS = {"mlflow": "mlflow (mlflow-skinny is enough if MLFLOW_TRACKING_URI names a server)"}


def create_tracker(settings: TrackingSettings, folder: Path) -> Tracker:
    """Return a tracker.

    Args:
        settings: Which, and how.
        folder: Where it keeps what it keeps on this disk; made when it is needed.

    Raises:
        MissingDependencyError: Its package is not installed.
    """
    if settings.to == "none":
        return NoTracker()
    module, _, attribute = _TRACKERS[settings.to].partition(":")
    try:
        found: Any = getattr(import_module(module), attribute)
        # MLflow imports what keeps a database only now.
        tracker: Tracker = found(settings, folder)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("llmexam"):
            raise
        raise MissingDependencyError(
            f"tracking to {settings.to}",
            error.name or settings.to,
            # TensorBoard's files are written by torch, which every training by gradients needs.
            "train" if error.name in ("torch", "PIL") else "track",
            install=_INSTALLS.get(settings.to, ""),
        ) from error
    return tracker
