"""LoRA adapters (arXiv 2106.09685): added for training, and merged afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from llmexam.errors import MissingDependencyError, SettingsError
from llmexam.training.settings import TrainingSettings


def apply_lora(model: nn.Module, settings: TrainingSettings, head_names: Sequence[str]) -> None:
    """Add adapters to a model in place, and freeze all weights but theirs and the head's.

    The model keeps its class, so that checkpoints contain all of it. Without `lora` in the
    settings, the model is unchanged.

    Args:
        model: The model.
        settings: Training settings.
        head_names: Modules that are fully trained.

    Raises:
        MissingDependencyError: peft is not installed.
        SettingsError: No linear layer has one of the names.
    """
    lora = settings.lora
    if lora is None:
        return
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError:
        raise MissingDependencyError("training with adapters", "peft", "train") from None
    heads = set(head_names)
    linear = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not heads & set(name.split("."))
    ]
    if lora.targets == "all-linear":
        targets = linear
    else:
        wanted = set(lora.targets)
        targets = [name for name in linear if name in wanted or name.split(".")[-1] in wanted]
    if not targets:
        known = ", ".join(sorted({name.split(".")[-1] for name in linear})) or "none"
        raise SettingsError(
            "no linear layer of the model has one of these names",
            field="lora.targets",
            hint=f"Available: {known}",
        )
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=lora.dropout,
        target_modules=targets,
    )
    inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        if heads & set(name.split(".")):
            parameter.requires_grad_(True)


def merge_lora(model: nn.Module) -> None:
    """Merge adapters into the weights in place; no effect without adapters."""
    try:
        from peft.tuners.tuners_utils import BaseTunerLayer
    except ModuleNotFoundError:
        return
    adapted = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, BaseTunerLayer)
    ]
    for name, module in adapted:
        module.merge()
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, module.get_base_layer())
    for parameter in model.parameters():
        parameter.requires_grad_(True)
