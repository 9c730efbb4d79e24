"""What a training needs of the machine, found out before any work is done."""

from __future__ import annotations

from importlib.util import find_spec

from llmexam.errors import MissingDependencyError
from llmexam.lm.models.loading import require_packages
from llmexam.settings.base import Settings
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.settings import TrainingSettings


def require_machine(settings: Settings) -> None:
    """Check that this machine has what a training asks for; no model is read.

    Args:
        settings: Those of any family.

    Raises:
        MissingDependencyError: A package that a setting needs is not installed.
        SettingsError: The device is not there, cannot do the precision, or a setting does not go
            with another.
    """
    if not isinstance(settings, TrainingSettings):
        return
    from llmexam.training.arguments import training_device, training_precision

    training_precision(settings.precision, training_device(settings.device))
    if settings.lora is not None and find_spec("peft") is None:
        raise MissingDependencyError("training with adapters", "peft", "train")
    if isinstance(settings, CausalLmTrainingSettings):
        from llmexam.training.causal_lm.deepspeed import deepspeed_config
        from llmexam.training.causal_lm.model import check_settings

        check_settings(settings)
        if settings.quantise is not None:
            require_packages(f"quantise '{settings.quantise}'", "bitsandbytes")
        deepspeed_config(settings)
