"""Settings that every gradient-trained family has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef


class LoraSettings(Settings):
    """Low-rank adapters (arXiv 2106.09685) instead of all weights; merged when training ends."""

    r: int = Field(16, ge=1, le=1024, description="rank")
    alpha: float = Field(32.0, gt=0, description="scale of the adapters: alpha / r")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the adapters")
    targets: tuple[str, ...] | Literal["all-linear"] = Field(
        "all-linear", description="names of the linear layers that get one"
    )


class TrainingSettings(Settings):
    """How a model is trained. One step is one update of the weights."""

    model: ModelRef = Field("bundled", description="the model that training starts from")

    n_epochs: float = Field(2.0, gt=0, description="passes over the training questions")
    max_steps: int | None = Field(None, ge=1, description="so many steps, whatever `n_epochs` says")
    batch_size: int = Field(8, ge=1, description="questions of one forward pass on one device")
    gradient_accumulation: int = Field(1, ge=1, description="forward passes of one step")
    learning_rate: float = Field(1e-4, gt=0, description="of the body, at its peak")
    head_learning_rate: float | None = Field(
        None, gt=0, description="of a new head; that of the body if not set"
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="factor on the learning rate from each layer to the one below"
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="the learning rate after its warm-up"
    )
    warmup_ratio: float = Field(0.1, ge=0, le=1, description="share of the steps that warm up")
    weight_decay: float = Field(0.01, ge=0, description="of AdamW, not on biases and norms")
    max_grad_norm: float = Field(1.0, gt=0, description="longer gradients are shortened to this")
    dropout: float | None = Field(None, ge=0, lt=1, description="the model's own if not set")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share given to wrong options")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of the arithmetic; weights stay fp32. auto: bf16 where it is fast"
    )
    freeze_embeddings: bool = Field(False, description="leave the token embeddings as they are")
    freeze_layers: int = Field(0, ge=0, description="lowest layers to leave as they are")
    lora: LoraSettings | None = Field(None, description="train adapters instead of the weights")
    gradient_checkpointing: bool = Field(
        False, description="compute activations twice instead of keeping them"
    )
    ema_decay: float | None = Field(
        None, gt=0, lt=1, description="keep a moving average of the weights and grade that"
    )
    evaluate_every: int | None = Field(
        None, ge=1, description="steps between two gradings of the dev questions; an epoch if not"
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="stop after so many gradings without a better value of the primary metric",
    )
    checkpoint_every: int | None = Field(
        None, ge=1, description="steps between two checkpoints to resume from; an epoch if not set"
    )
    log_every: int = Field(10, ge=1, description="steps between two points of the loss curve")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to train")
    seed: int = Field(0, ge=0, lt=2**32 - 1, description="seed of all that is drawn")

    @property
    def starts_at_chance(self) -> bool:
        """Whether the loss of a new head starts at ln(n) for n options."""
        return False

    @property
    def reads_passages(self) -> bool:
        """Whether the passages of the questions are read."""
        return True
