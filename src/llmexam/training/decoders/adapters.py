"""Adapters over a decoder (LoRA, arXiv 2106.09685): added for training, and merged when saved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from llmexam.errors import MissingDependencyError, SettingsError
from llmexam.lm.decoder import ends_in_binary_head
from llmexam.lm.models.loading import ModelFolder
from llmexam.training.settings import LoraSettings

ADAPTER_FOLDER = "adapter"


def add_adapters(model: Any, lora: LoraSettings, *, quantised: bool) -> Any:
    """Return a model wrapped with adapters, with all other weights frozen.

    Raises:
        MissingDependencyError: peft is not installed.
        SettingsError: No linear layer has one of the names.
    """
    try:
        from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    except ModuleNotFoundError:
        raise MissingDependencyError("training with adapters", "peft", "train") from None
    if quantised:
        # Gradient checkpointing is enabled by the Trainer.
        prepare: Any = prepare_model_for_kbit_training
        model = prepare(model, use_gradient_checkpointing=False)
    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=lora.dropout,
        target_modules=targets,
        # A binary head is fully trained, in addition to the adapters.
        task_type="SEQ_CLS" if ends_in_binary_head(model) else "CAUSAL_LM",
    )
    try:
        with warnings.catch_warnings():
            # Names that transformers 6 drops.
            warnings.simplefilter("ignore", FutureWarning)
            adapted = get_peft_model(model, config)
    except ValueError as error:
        text = str(error).splitlines()[0][:200]
        raise SettingsError(
            f"adapters cannot be added to this model: {text}", field="lora.targets"
        ) from None
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            # Adapters already have 32 bits; a head has the type of the weights.
            parameter.data = parameter.data.float()
    return adapted


def save_merged(
    model: Any, source: ModelFolder, folder: Path, read_whole: Callable[[], Any]
) -> None:
    """Write trained weights in the type that the base model has on disk.

    Adapters are merged into the unquantised base weights, and also stored in `adapter/`.

    Args:
        model: The trained model, with adapters or without.
        source: The initial weights.
        folder: Where to write.
        read_whole: Reads the base model in float32, unquantised.
    """
    merged = _merged(model, source, folder / ADAPTER_FOLDER, read_whole)
    merged.to(stored_dtype(source))
    merged.save_pretrained(folder)


def weight_notes(source: ModelFolder, quantise: str | None) -> tuple[str, ...]:
    """Return what a person should know of how the weights are saved.

    Args:
        source: The base model.
        quantise: What its weights were quantised to in training, or None.
    """
    notes = []
    stored = stored_dtype(source)
    if stored != torch.float32:
        name = str(stored).removeprefix("torch.")
        notes.append(f"weights are saved as {name}, the type of the base model")
    if quantise is not None:
        notes.append(
            f"the adapters were trained and evaluated on weights quantized to {quantise}, and "
            "merged into the original weights"
        )
    return tuple(notes)


def stored_dtype(source: ModelFolder) -> torch.dtype:
    """Return the type of a model's weights on disk; float32 if the config has none."""
    config = source.read_json("config.json") or {}
    name = config.get("dtype") or config.get("torch_dtype") or "float32"
    found = getattr(torch, str(name), None)
    return found if isinstance(found, torch.dtype) else torch.float32


def _merged(model: Any, source: ModelFolder, adapter: Path, read_whole: Callable[[], Any]) -> Any:
    if not hasattr(model, "peft_config"):
        return model
    model.save_pretrained(str(adapter))
    # peft writes an empty model page.
    (adapter / "README.md").unlink(missing_ok=True)
    base = model.get_base_model()
    rounded = getattr(base, "quantization_method", None) is not None
    # In a narrower type than on disk, small updates would be lost in rounding.
    if not rounded and base.dtype == stored_dtype(source):
        return model.merge_and_unload()
    from peft import PeftModel

    with warnings.catch_warnings():
        # Names that transformers 6 drops.
        warnings.simplefilter("ignore", FutureWarning)
        return PeftModel.from_pretrained(read_whole(), str(adapter)).merge_and_unload()
