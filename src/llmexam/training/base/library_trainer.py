"""Adapter for trainers of sentence-transformers: exact gradients and small checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from llmexam.training.base.arguments import training_arguments
from llmexam.training.base.weights import load_weights, save_weights, trained_weights
from llmexam.training.settings import TrainingSettings

WEIGHTS_FILE = "model.safetensors"


def library_arguments(
    cls: type[Any], settings: TrainingSettings, folder: Path, **overrides: Any
) -> Any:
    """Return the arguments of a trainer of sentence-transformers; see `training_arguments`."""
    warmup: dict[str, Any] = {}
    if int(transformers.__version__.partition(".")[0]) >= 5:
        # The class still uses an old argument name and warns about it.
        warmup = {"warmup_ratio": None, "warmup_steps": min(settings.warmup_ratio, 1 - 1e-9)}
    return training_arguments(settings, folder, cls=cls, **warmup, **overrides)


class SmallCheckpoints:
    """Trainer mixin: checkpoints contain only the trained weights.

    The trainers of sentence-transformers save a whole model with its page, and load it through a
    second model in memory, without adapters. Their losses are means over a pass, but because
    their models accept `**kwargs`, transformers' Trainer treats them as means over a step: with
    gradient accumulation, the gradient would be too large by the number of passes.
    """

    loss_is_scaled_for_ga: bool | None = False

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Do nothing, because our card and page are written at the end."""

    def _save(self: Any, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(folder / WEIGHTS_FILE, trained_weights(self.model))

    def _load_from_checkpoint(self: Any, checkpoint_path: str, model: Any = None) -> None:
        load_weights(Path(checkpoint_path) / WEIGHTS_FILE, trained_weights(self.model))
