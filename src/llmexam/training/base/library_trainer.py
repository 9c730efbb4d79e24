"""What the trainers of sentence-transformers need: exact gradients and small checkpoints."""

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
        # The class still has the old name, which it warns of.
        warmup = {"warmup_ratio": None, "warmup_steps": min(settings.warmup_ratio, 1 - 1e-9)}
    return training_arguments(settings, folder, cls=cls, **warmup, **overrides)


class SmallCheckpoints:
    """Put before a Trainer: checkpoints hold the weights that are trained, and no others.

    The trainers of sentence-transformers save a whole model with its page, and load it by way of
    a second model in memory, which knows nothing of adapters. Their losses are means over a
    pass, which transformers' Trainer takes for means over a step, because their models take any
    keyword: with gradient accumulation the gradient would be as many times too large.
    """

    loss_is_scaled_for_ga: bool | None = False

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add nothing: our card and page are written at the end."""

    def _save(self: Any, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(folder / WEIGHTS_FILE, trained_weights(self.model))

    def _load_from_checkpoint(self: Any, checkpoint_path: str, model: Any = None) -> None:
        load_weights(Path(checkpoint_path) / WEIGHTS_FILE, trained_weights(self.model))
