"""Arguments of transformers' Trainer from our settings."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import torch
import transformers

from llmexam.errors import SettingsError
from llmexam.lm.models.precision import choose_dtype
from llmexam.training.base.checkpoints import CHECKPOINT_FOLDER
from llmexam.training.settings import TrainingSettings

_SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
# Two, because the newest may be incomplete after a kill.
_CHECKPOINTS_KEPT = 2


def training_arguments(
    settings: TrainingSettings,
    folder: Path,
    *,
    cls: type[Any] = transformers.TrainingArguments,
    **overrides: Any,
) -> Any:
    """Return the arguments of a Trainer.

    Weights stay fp32; `precision` is that of autocast. The Trainer's own reporting and progress
    bars are disabled, because our callbacks do both.

    Args:
        settings: Training settings.
        folder: Folder of the model; checkpoints are in `folder/checkpoints`.
        cls: Class of the arguments; those of sentence-transformers derive from the default.
        overrides: Arguments of that class that override ours.

    Raises:
        SettingsError: The device is not available, or does not support the precision.
    """
    device = training_device(settings.device)
    precision = training_precision(settings.precision, device)
    values: dict[str, Any] = {
        "output_dir": str(folder / CHECKPOINT_FOLDER),
        "num_train_epochs": settings.n_epochs,
        "max_steps": settings.max_steps or -1,
        "per_device_train_batch_size": settings.batch_size,
        "per_device_eval_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.gradient_accumulation,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": _SCHEDULES[settings.schedule],
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": device == "cpu",
        "seed": settings.seed,
        "data_seed": settings.seed,
        "save_strategy": "steps" if settings.checkpoint_every else "epoch",
        "save_total_limit": _CHECKPOINTS_KEPT,
        "logging_strategy": "steps",
        "logging_steps": settings.log_every,
        "logging_first_step": True,
        # The Trainer would otherwise replace NaN losses by the mean and hide them.
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
        "log_level_replica": "error",
        "dataloader_pin_memory": device != "cpu",
        "ddp_find_unused_parameters": False,
        **_named(settings, cls),
    }
    if settings.checkpoint_every:
        values["save_steps"] = settings.checkpoint_every
    if device == "cpu" and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        values["ddp_backend"] = "gloo"
    return cls(**{**values, **overrides})


def training_device(asked: Literal["auto", "cpu", "cuda"]) -> Literal["cpu", "cuda"]:
    """Return the training device.

    Raises:
        SettingsError: A GPU is requested and there is none.
    """
    if asked == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device 'cuda' is set, but torch finds no GPU", field="device")
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return asked


def training_precision(
    asked: Literal["auto", "fp32", "bf16", "fp16"], device: Literal["cpu", "cuda"]
) -> Literal["fp32", "bf16", "fp16"]:
    """Return the precision of autocast; `auto` is bf16 on devices with fast bf16.

    Raises:
        SettingsError: The device does not support it.
    """
    if asked == "fp16":
        if device == "cpu":
            raise SettingsError(
                "fp16 needs a GPU", field="precision", hint="Use bf16, fp32 or auto"
            )
        return "fp16"
    dtype = choose_dtype(asked, torch.device(device))
    return "bf16" if dtype == torch.bfloat16 else "fp32"


def _named(settings: TrainingSettings, cls: type[Any]) -> dict[str, Any]:
    """Return the arguments whose names differ between transformers 4 and 5."""
    known = {field.name for field in fields(cls)}
    values: dict[str, Any] = {}
    if "warmup_ratio" in known:
        values["warmup_ratio"] = settings.warmup_ratio
    else:
        # A number below 1 is a share of the steps; 1 and above is a number of steps.
        values["warmup_steps"] = min(settings.warmup_ratio, 1 - 1e-9)
    if settings.gradient_checkpointing:
        new, old = "activation_checkpointing", "gradient_checkpointing"
        values[new if new in known else old] = True
    return values
