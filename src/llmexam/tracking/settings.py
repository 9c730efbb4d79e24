"""Settings of tracking."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.base import Settings


class TrackingSettings(Settings):
    """Who is told of the curve of a training. Keys of services come from the environment only."""

    shorthand = "to"

    to: Literal["none", "tensorboard", "wandb", "mlflow"] = Field(
        "none", description="none, or what keeps curves; all but `mode: online` stay on this disk"
    )
    project: str = Field("llmexam", min_length=1, description="project or experiment it belongs to")
    mode: Literal["auto", "offline", "online"] = Field(
        "auto", description="of W&B; auto: online where WANDB_API_KEY is set, else offline"
    )
