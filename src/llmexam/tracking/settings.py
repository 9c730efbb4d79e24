"""Settings of tracking."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.base import Settings


class TrackingSettings(Settings):
    """Experiment tracker of a training run. API keys are read from the environment only."""

    shorthand = "to"

    to: Literal["none", "tensorboard", "wandb", "mlflow"] = Field(
        "none",
        description="experiment tracker: none, tensorboard, wandb or mlflow. Data stay on this "
        "machine, except for wandb in mode online and for mlflow with MLFLOW_TRACKING_URI",
    )
    project: str = Field("llmexam", min_length=1, description="project or experiment of the run")
    mode: Literal["auto", "offline", "online"] = Field(
        "auto",
        description="mode of Weights & Biases; auto: online if WANDB_API_KEY is set, else offline",
    )
