"""DeepSpeed settings of a training: bundled, or a user's JSON file."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llmexam.errors import MissingDependencyError, SettingsError
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings

SHIPPED = "zero2"
_FILE = "zero2.json"


def deepspeed_config(settings: CausalLmTrainingSettings) -> dict[str, Any] | None:
    """Return the DeepSpeed settings of a training, or None.

    Raises:
        SettingsError: The file is invalid, its stage is not 0, 1 or 2, or another setting
            is incompatible.
        MissingDependencyError: DeepSpeed is not installed.
    """
    if settings.deepspeed is None:
        return None
    config = read_deepspeed_config(settings.deepspeed)
    stage = zero_stage(config)
    if stage not in (0, 1, 2):
        raise SettingsError(
            f"expected ZeRO stage 2 or less, got stage {stage}: evaluation during "
            "training needs all weights on each device",
            field="deepspeed",
            hint="Use stage 2 or less",
        )
    for name, plain in (("layer_decay", 1.0), ("head_learning_rate", None), ("ema_decay", None)):
        if getattr(settings, name) != plain:
            raise SettingsError(
                "cannot be used with DeepSpeed, which creates the optimizer itself", field=name
            )
    if find_spec("deepspeed") is None:
        raise MissingDependencyError("training with DeepSpeed", "deepspeed", "deepspeed")
    return config


def read_deepspeed_config(name: str) -> dict[str, Any]:
    """Return DeepSpeed settings.

    Args:
        name: `zero2`, or the path of a JSON file.

    Raises:
        SettingsError: The file cannot be read.
    """
    if name == SHIPPED:
        config: dict[str, Any] = json.loads((files(__package__) / _FILE).read_text("utf-8"))
        return config
    if not name.endswith(".json"):
        raise SettingsError(
            f"unknown DeepSpeed settings '{name}'",
            field="deepspeed",
            hint=f"Use '{SHIPPED}', or give the path of a JSON file",
        )
    try:
        found = json.loads(Path(name).expanduser().read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"cannot be read: {error}", file=name, field="deepspeed") from None
    if not isinstance(found, dict):
        raise SettingsError("expected a JSON object", file=name, field="deepspeed")
    return found


def zero_stage(config: dict[str, Any]) -> int:
    """Return the ZeRO stage, which defines what is sharded over processes (0: nothing)."""
    return int(config.get("zero_optimization", {}).get("stage", 0))
