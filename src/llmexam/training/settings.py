"""Settings of all gradient-trained families."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef


class LoraSettings(Settings):
    """LoRA adapters (arXiv 2106.09685) instead of all weights; merged at the end of training."""

    r: int = Field(16, ge=1, le=1024, description="rank of the adapters")
    alpha: float = Field(32.0, gt=0, description="scaling: adapters are multiplied by alpha / r")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the adapters")
    targets: tuple[str, ...] | Literal["all-linear"] = Field(
        "all-linear", description="names of the linear layers that get adapters"
    )


class TrainingSettings(Settings):
    """Settings of training by gradients. A step is one update of the weights."""

    model: ModelRef = Field("bundled", description="model to start from")

    n_epochs: float = Field(2.0, gt=0, description="number of epochs")
    max_steps: int | None = Field(
        None, ge=1, description="number of optimizer steps; overrides `n_epochs`"
    )
    batch_size: int = Field(8, ge=1, description="questions per forward pass and device")
    gradient_accumulation: int = Field(1, ge=1, description="forward passes per optimizer step")
    learning_rate: float = Field(
        1e-4, gt=0, description="peak learning rate of the pretrained weights"
    )
    head_learning_rate: float | None = Field(
        None,
        gt=0,
        description="peak learning rate of a new head; defaults to that of the pretrained weights",
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="layer-wise learning rate decay: factor from each layer to the one below",
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="learning rate schedule after the warm-up"
    )
    warmup_ratio: float = Field(
        0.1, ge=0, le=1, description="share of the steps used for the warm-up"
    )
    weight_decay: float = Field(
        0.01, ge=0, description="weight decay of AdamW, not applied to biases and norms"
    )
    max_grad_norm: float = Field(1.0, gt=0, description="gradient clipping norm")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="dropout probability; defaults to the model's own"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="label smoothing: probability mass given to the wrong options"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="numeric precision of the arithmetic; weights stay fp32. 'auto' uses bf16 "
        "where it is fast",
    )
    freeze_embeddings: bool = Field(False, description="freeze the token embeddings")
    freeze_layers: int = Field(0, ge=0, description="number of lowest layers to freeze")
    lora: LoraSettings | None = Field(
        None, description="train LoRA adapters instead of all weights"
    )
    gradient_checkpointing: bool = Field(
        False,
        description="gradient checkpointing: recompute activations in the backward pass to save "
        "memory",
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="decay of an exponential moving average of the weights, which is evaluated "
        "and saved; off by default",
    )
    evaluate_every: int | None = Field(
        None,
        ge=1,
        description="evaluation interval on the dev questions, in steps; defaults to an epoch",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="early stopping: number of evaluations without improvement of the primary "
        "metric",
    )
    checkpoint_every: int | None = Field(
        None,
        ge=1,
        description="checkpoint interval, in steps; defaults to an epoch. Interrupted runs "
        "resume from checkpoints",
    )
    log_every: int = Field(10, ge=1, description="logging interval of the loss curve, in steps")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="device to train on")
    seed: int = Field(0, ge=0, lt=2**32 - 1, description="random seed")

    @property
    def starts_at_chance(self) -> bool:
        """Whether the loss of a new head starts at ln(n) for n options."""
        return False

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return True
