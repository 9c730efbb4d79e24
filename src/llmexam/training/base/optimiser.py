"""Optimiser: learning rates by layer, freezing and dropout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from llmexam.errors import SettingsError
from llmexam.training.settings import TrainingSettings

# `encoder.layer.3.` (BERT family), `layers.3.` (ModernBERT), `transformer.layer.3.`.
_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|block|blocks|h)\.(\d+)(?:\.|$)")
_EMBEDDINGS = re.compile(r"(?:^|\.)\w*(?:embeddings?|embed_tokens|shared|wte|wpe)(?:\.|$)")


def create_optimiser(
    model: nn.Module, settings: TrainingSettings, head_names: Sequence[str]
) -> torch.optim.AdamW:
    """Return AdamW over the groups of `parameter_groups`, for a Trainer.

    >>> # Trainer(..., optimizers=(create_optimiser(model, settings, ["classifier"]), None))
    """
    # fused: one pass over the weights instead of ten, four times as fast on a CPU.
    return torch.optim.AdamW(
        parameter_groups(model, settings, head_names), lr=settings.learning_rate, fused=True
    )


def parameter_groups(
    model: nn.Module, settings: TrainingSettings, head_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return parameter groups for AdamW with layer-wise learning rate decay.

    The top layer and everything above it except the head gets `learning_rate`; each lower layer
    gets that of the layer above times `layer_decay`, and embeddings come below all layers.
    Biases, norms and other vectors have no weight decay.

    Args:
        model: The model.
        settings: Training settings.
        head_names: Names of new modules, such as `classifier`; a parameter belongs to the head
            if one of them is a part of its name.

    Raises:
        SettingsError: `layer_decay` is set and no layer names are recognised, or no parameter
            is left to train.
    """
    n_layers = count_layers(model)
    if settings.layer_decay < 1 and not n_layers:
        raise _no_layers("layer_decay")
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = settings.learning_rate
        if set(name.split(".")) & set(head_names):
            rate = settings.head_learning_rate or rate
        else:
            rate *= settings.layer_decay ** (n_layers - _depth(name, n_layers))
        is_vector = parameter.ndim < 2 or "norm" in name.lower()
        decay = 0.0 if is_vector else settings.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    if not groups:
        raise SettingsError(
            "all layers are frozen, so there is nothing to train", hint="Freeze fewer layers"
        )
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def count_layers(model: nn.Module) -> int:
    """Return the number of layers, by the usual names; 0 if none is recognised."""
    found = [_LAYER.search(name) for name, _ in model.named_parameters()]
    return max((int(match.group(1)) + 1 for match in found if match), default=0)


def freeze(model: nn.Module, settings: TrainingSettings) -> None:
    """Freeze the token embeddings and the lowest layers, according to the settings.

    Args:
        model: The model; frozen parameters get `requires_grad = False`.
        settings: `freeze_embeddings` and `freeze_layers`.

    Raises:
        SettingsError: Embeddings or layer names are not recognised, or there are too few layers.
    """
    n_layers = count_layers(model)
    if settings.freeze_layers and not n_layers:
        raise _no_layers("freeze_layers")
    if settings.freeze_layers > n_layers:
        raise SettingsError(
            f"cannot freeze {settings.freeze_layers} layers: the model has {n_layers}",
            field="freeze_layers",
        )
    n_embeddings = 0
    for name, parameter in model.named_parameters():
        layer = _LAYER.search(name)
        is_embedding = layer is None and _EMBEDDINGS.search(name) is not None
        n_embeddings += is_embedding
        is_low = layer is not None and int(layer.group(1)) < settings.freeze_layers
        if is_low or (is_embedding and settings.freeze_embeddings):
            parameter.requires_grad_(False)
    if settings.freeze_embeddings and not n_embeddings:
        raise SettingsError("cannot find the embeddings of this model", field="freeze_embeddings")


def set_dropout(model: nn.Module, dropout: float | None) -> None:
    """Set the rate of every dropout of a model; None keeps the model's own.

    Args:
        model: The model.
        dropout: Dropout rate.
    """
    if dropout is None:
        return
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
        # Attention kernels take the rate from a number instead of a module.
        for name in ("attention_dropout", "dropout_prob", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, dropout)


def _depth(name: str, n_layers: int) -> int:
    """Return the depth of a parameter: 0 for embeddings, `n_layers` for the top and above."""
    layer = _LAYER.search(name)
    if layer:
        return int(layer.group(1)) + 1
    return 0 if _EMBEDDINGS.search(name) else n_layers


def _no_layers(field: str) -> SettingsError:
    return SettingsError(
        "cannot find the layers of this model (expected names such as `layer.N`, "
        "`layers.N`, `block.N`)",
        field=field,
    )
