"""LoRA adapters (arXiv 2106.09685) of KerasHub's decoders, and their files.

KerasHub stores adapters as HDF5. Ours are safetensors, so that every backend reads them, and say
which base model they belong to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.keras_models.causal import KerasDecoder
from llmexam.lm.keras_models.causal_ports import Port
from llmexam.settings.base import Settings
from llmexam.storage.atomic import atomic_path

ADAPTER_FILE = "adapters.safetensors"
_METADATA = "llmexam_keras_lora"
_PARTS = ("lora_kernel_a", "lora_kernel_b")


class _Told(Settings):
    """What a file says of its adapters."""

    rank: int = Field(ge=1, description="rank")
    alpha: float = Field(gt=0, description="adapters are multiplied by alpha / rank")
    base: str = Field(description="hash of the base model")


def add_lora(
    decoder: KerasDecoder,
    rank: int,
    *,
    alpha: float | None = None,
    layers: Sequence[str] | None = None,
    seed: int = 0,
) -> None:
    """Add adapters to a decoder, and freeze all its other weights.

    The same seed gives the same adapters on every backend.

    Args:
        decoder: The decoder.
        rank: Rank of the adapters.
        alpha: Adapters are multiplied by alpha / rank; the rank if None.
        layers: KerasHub's names of the layers that get adapters; by default those of queries and
            values.
        seed: Random seed of the first matrix of each adapter; the second one starts at 0.

    Raises:
        SettingsError: No layer has one of these names, or the rank is larger than a layer.
        ModelError: The weights are quantised, or there are adapters already.
    """
    backbone = decoder.backbone
    _refuse_quantised(decoder)
    if lora_layers(decoder):
        raise ModelError("the model has LoRA adapters already", file=decoder.source.path)
    names = list(layers) if layers is not None else backbone.default_lora_layer_names()
    own = [one for one in _flat(backbone) if hasattr(one, "enable_lora") and one.name in names]
    known = sorted({one.name for one in _flat(backbone) if _is_linear(one)})
    missing = sorted(set(names) - set(known)) if layers is not None else []
    if missing or not own:
        raise SettingsError(
            f"expected names of linear layers, got '{(missing or names)[0]}'",
            field="lora_layers",
            hint=f"Use some of {', '.join(known)}",
        )
    backbone.enable_lora(rank, target_layer_names=names)
    draw = np.random.default_rng(seed)
    for layer in lora_layers(decoder):
        layer.lora_alpha = rank if alpha is None else alpha
        # KerasHub leaves the biases of these layers trainable.
        if getattr(layer, "bias", None) is not None:
            layer.bias.trainable = False
        shape = tuple(layer.lora_kernel_a.shape)
        limit = np.sqrt(6 / np.prod(shape[:-1]))
        layer.lora_kernel_a.assign(draw.uniform(-limit, limit, shape).astype(np.float32))


def lora_layers(decoder: KerasDecoder) -> list[Any]:
    """Return the layers with adapters, in order of their paths."""
    found = [one for one in _flat(decoder.backbone) if getattr(one, "lora_enabled", False)]
    return sorted(found, key=lambda layer: str(layer.path))


def lora_change(layer: Any) -> NDArray[np.float32]:
    """Return what the adapter of a layer adds to its kernel."""
    first, second = (_value(getattr(layer, part)) for part in _PARTS)
    change: NDArray[np.float32] = np.matmul(first, second) * (layer.lora_alpha / layer.lora_rank)
    return change.astype(np.float32)


def lora_changes(decoder: KerasDecoder) -> list[tuple[Port, NDArray[np.float32]]]:
    """Return what the adapters add to weights of the base model."""
    ports = {id(port.variable): port for port in decoder.ports}
    return [(ports[id(one._kernel)], lora_change(one)) for one in lora_layers(decoder)]


def save_lora(decoder: KerasDecoder, path: Path) -> None:
    """Write the adapters to a safetensors file atomically.

    Args:
        decoder: A decoder with adapters.
        path: The file.

    Raises:
        ModelError: There are no adapters.
    """
    from safetensors.numpy import save_file

    layers = lora_layers(decoder)
    if not layers:
        raise ModelError("the model has no LoRA adapters to save")
    weights = {
        f"{layer.path}/{part}": _value(getattr(layer, part)) for layer in layers for part in _PARTS
    }
    told = {
        "rank": int(layers[0].lora_rank),
        "alpha": float(layers[0].lora_alpha),
        "base": decoder.source.weights_hash,
    }
    with atomic_path(path) as temporary:
        # One key: safetensors writes several in a random order.
        save_file(weights, temporary, metadata={_METADATA: json.dumps(told)})


def load_lora(decoder: KerasDecoder, path: Path) -> None:
    """Load adapters, which any backend may have written, into a decoder.

    Args:
        decoder: A decoder of the base model; without adapters it gets those of the file.
        path: The file.

    Raises:
        ModelError: The file is damaged, its adapters have another rank, or they belong to another
            base model or to other layers.
    """
    weights, told = _read(path)
    rank, alpha = told.rank, told.alpha
    if told.base != decoder.source.weights_hash:
        raise ModelError(
            f"the adapters were trained on other weights than those of '{decoder.source.name}'",
            file=path,
            hint="Load the base model that they were trained on",
        )
    layers = lora_layers(decoder)
    if not layers:
        names = {name.split("/")[-2] for name in weights}
        add_lora(decoder, rank, alpha=alpha, layers=sorted(names))
        layers = lora_layers(decoder)
    if layers[0].lora_rank != rank:
        raise ModelError(
            f"expected adapters of rank {layers[0].lora_rank}, got rank {rank}", file=path
        )
    wanted = {f"{one.path}/{part}": getattr(one, part) for one in layers for part in _PARTS}
    if wanted.keys() != weights.keys():
        other = sorted(wanted.keys() ^ weights.keys())[0]
        raise ModelError(f"the adapters are of other layers, such as '{other}'", file=path)
    for name, variable in wanted.items():
        shape, found = tuple(variable.shape), weights[name].shape
        if shape != found:
            raise ModelError(f"expected shape {shape} of '{name}', got {found}", file=path)
    for name, variable in wanted.items():
        variable.assign(weights[name])
    for layer in layers:
        layer.lora_alpha = alpha


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], _Told]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot read the adapters: {error}", file=path) from None
    try:
        told = _Told.parse(json.loads(metadata[_METADATA]), subject="adapters")
    except (KeyError, ValueError, RecursionError, SettingsError):
        raise ModelError(
            "expected LoRA adapters of a Keras decoder, got another file", file=path
        ) from None
    return weights, told


def _refuse_quantised(decoder: KerasDecoder) -> None:
    for layer in _flat(decoder.backbone):
        if getattr(layer, "quantization_mode", None):
            raise ModelError(
                "KerasHub does not load adapters over quantized weights again (keras-hub issue "
                "1705), so they are not trained",
                file=decoder.source.path,
                hint="Load the model unquantized, or use family `recoverer` with `quantise`",
            )


def _is_linear(layer: Any) -> bool:
    # An embedding could have adapters too, but its tied head would ignore them.
    return hasattr(layer, "enable_lora") and not hasattr(layer, "embeddings")


def _flat(backbone: Any) -> list[Any]:
    layers = backbone._flatten_layers(include_self=False)
    return [layer for layer in layers if layer.weights]


def _value(variable: Any) -> NDArray[np.float32]:
    from keras import ops

    return np.ascontiguousarray(ops.convert_to_numpy(variable), dtype=np.float32)
