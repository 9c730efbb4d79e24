"""Write a Keras decoder as the Hugging Face folder that it came from, with the trained weights."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.keras_models.causal import KerasDecoder
from llmexam.lm.keras_models.causal_lora import lora_changes
from llmexam.lm.keras_models.causal_ports import Port, tensor_files
from llmexam.storage.atomic import write_json

_INDEX = "model.safetensors.index.json"
# Config and tokenizer; chat templates end in .jinja.
_COPIED = (
    *("config.json", "generation_config.json", _INDEX),
    *("tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json"),
    *("*.model", "*.jinja"),
)


def export_decoder(
    decoder: KerasDecoder,
    folder: Path,
    *,
    extra: Mapping[str, NDArray[np.float32]] | None = None,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Write a decoder as a Hugging Face folder, with adapters merged.

    Config, tokenizer and frozen weights are those of the base model. Changed weights are computed
    in float32 from the base model's file and saved in its type.

    Args:
        decoder: The decoder.
        folder: Where to write; it is created.
        extra: Tensors that are added, or that replace those of the base model.
        config: Content of `config.json`; by default that of the base model.

    Raises:
        ModelError: A changed weight cannot be written back.
    """
    from safetensors import safe_open
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    source = decoder.source
    changes: dict[str, list[tuple[Port, NDArray[np.float32], bool]]] = defaultdict(list)
    for port, values, add in _changes(decoder):
        changes[port.tensor].append((port, values, add))
    names = tensor_files(source)
    more = dict(extra or {})
    for path in source.weight_files:
        with safe_open(path, framework="np") as file:
            told = dict(file.metadata() or {"format": "pt"})
            weights: dict[str, Any] = {}
            for name in (one for one, place in names.items() if place == path.name):
                weights[name] = _changed(file.get_tensor(name), changes.get(name, ()))
        if path == source.weight_files[-1]:
            weights |= more
        else:
            weights = {name: value for name, value in weights.items() if name not in more}
        save_file(weights, folder / path.name, metadata=told)
    for pattern in _COPIED:
        for path in source.path.glob(pattern):
            shutil.copyfile(path, folder / path.name)
    if config is not None:
        write_json(folder / "config.json", dict(config))
    index = source.read_json(_INDEX)
    if more and index is not None:
        places = {**index["weight_map"], **dict.fromkeys(more, source.weight_files[-1].name)}
        write_json(folder / _INDEX, {**index, "weight_map": places})


def _changes(decoder: KerasDecoder) -> list[tuple[Port, NDArray[np.float32], bool]]:
    """Return new values of variables, and whether they are added to the old ones."""
    from keras import ops

    found = [(port, change, True) for port, change in lora_changes(decoder)]
    for port in decoder.ports:
        if port.variable.trainable:
            value = ops.convert_to_numpy(ops.cast(port.variable, "float32"))
            found.append((port, np.asarray(value), False))
    return found


def _changed(tensor: NDArray[Any], changes: Any) -> NDArray[Any]:
    if not changes:
        return tensor
    # Contiguous, so that parts of it are changed in place.
    exact = np.array(tensor, dtype=np.float32, order="C")
    for port, values, add in changes:
        port.write(exact, values, add=add)
    return exact.astype(tensor.dtype)
