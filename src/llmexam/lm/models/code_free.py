"""Reject model folders that would run code or download another model from the hub.

sentence-transformers below 6.0 imports a Python file named in `modules.json` of a local folder, and
transformers downloads an attention kernel named in `config.json`. `ModelFolder` checks each folder
when it is created, so every loader gets a checked one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from llmexam.errors import ModelError
from llmexam.lm.models.config_values import check_config_values

_LIBRARY = "sentence_transformers."
_MODULES = "modules.json"
_ADAPTER = "adapter_config.json"
_SHARDS = "model.safetensors.index.json"
# Config keys whose value transformers may treat as a hub repository.
_HUB_KEYS = ("attn_implementation", "experts_implementation", "backbone")
# Arguments that sentence-transformers passes to transformers, in all spellings.
_ARGUMENTS = ("model", "tokenizer", "processor", "config")
_HINT = (
    "llmexam runs no code from a model folder. Use another model, or remove the entry if "
    "you trust it"
)


def require_code_free(folder: Path) -> None:
    """Check that loading a folder runs no code of its own and loads no other model.

    Args:
        folder: A model folder; missing files are ignored.

    Raises:
        ModelError: It names code, a hub repository, or a file outside the folder. The
            error names the file and the key.
    """
    _check_modules(folder)
    _check_sentence_settings(folder)
    _check_config(folder)
    _check_shards(folder)
    if (folder / _ADAPTER).is_file():
        raise ModelError(
            "the folder contains an adapter, which needs its base model",
            file=folder / _ADAPTER,
            field="base_model_name_or_path",
            hint="Merge the adapter into its base model: merge_and_unload(), then save_pretrained",
        )


def read_json(file: Path) -> Any:
    """Return the content of a JSON file, or None without the file.

    Raises:
        ModelError: The file is not JSON.
    """
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"invalid JSON: {error}", file=file) from None


def read_modules(folder: Path) -> list[tuple[str, str]]:
    """Return type and folder of each module of a sentence-transformers model, in order.

    Raises:
        ModelError: `modules.json` is damaged, or names a class of another package or a folder
            outside the model's.
    """
    file = folder / _MODULES
    modules = read_json(file)
    if modules is None:
        return []
    if not isinstance(modules, list) or not all(isinstance(one, Mapping) for one in modules):
        raise ModelError("expected a list of modules, each a mapping", file=file)
    found = []
    for number, module in enumerate(modules):
        kind, place = str(module.get("type", "")), str(module.get("path", ""))
        if not kind.startswith(_LIBRARY):
            raise ModelError(
                f"expected a class of sentence_transformers, got '{kind}', which would run code",
                file=file,
                field=f"{number}.type",
                hint=_HINT,
            )
        if not _stays_inside(place):
            raise ModelError(
                f"expected a module path inside the folder, got '{place}'",
                file=file,
                field=f"{number}.path",
            )
        found.append((kind, place))
    return found


def _check_modules(folder: Path) -> None:
    for number, (kind, place) in enumerate(read_modules(folder)):
        # Weights and config outside would be loaded without being checked and hashed.
        if kind.rpartition(".")[2] == "Transformer" and place:
            raise ModelError(
                f"expected the transformer in the folder itself, got '{place}'",
                file=folder / _MODULES,
                field=f"{number}.path",
                hint="Save the model again with sentence-transformers 2 or newer",
            )


def _check_sentence_settings(folder: Path) -> None:
    """Reject settings that make sentence-transformers load something else."""
    unsafe = {f"{one}_{end}" for one in _ARGUMENTS for end in ("args", "kwargs")}
    for file in sorted(folder.glob("sentence_*_config.json")):
        settings = _mapping(file)
        for key in sorted(unsafe | {"tokenizer_name_or_path"}):
            if settings.get(key):
                raise ModelError(
                    "sets arguments of the library that loads the model, which is not supported",
                    file=file,
                    field=key,
                    hint=_HINT,
                )


def _check_config(folder: Path) -> None:
    file = folder / "config.json"
    config = _mapping(file)
    try:
        check_config_values(config, file)
        strings = list(_strings(config))
    except RecursionError:
        raise ModelError("its values are nested too deeply", file=file) from None
    for key, value in strings:
        if key.removeprefix("_").startswith(_HUB_KEYS) and "/" in value:
            raise ModelError(
                f"names '{value}', which would be downloaded and may run code",
                file=file,
                field=key,
                hint=_HINT,
            )
    # transformers ignores the folder's code if it has a class of its own.
    if config.get("auto_map") and not _is_supported(str(config.get("model_type", ""))):
        raise ModelError(
            f"unknown model type '{config.get('model_type')}': transformers does not "
            "include it, so the model needs its own code",
            file=file,
            field="auto_map",
            hint=_HINT,
        )


def _check_shards(folder: Path) -> None:
    file = folder / _SHARDS
    names = _mapping(file).get("weight_map")
    for name in sorted(set(map(str, names.values()))) if isinstance(names, Mapping) else ():
        inside = PurePosixPath(name).name == PureWindowsPath(name).name == name
        if not inside or not name.startswith("model") or not name.endswith(".safetensors"):
            raise ModelError(
                f"expected a file model*.safetensors in the folder, got '{name}'",
                file=file,
                field="weight_map",
            )


def _mapping(file: Path) -> Mapping[str, Any]:
    values = read_json(file)
    if values is not None and not isinstance(values, Mapping):
        raise ModelError(f"expected a mapping, got {type(values).__name__}", file=file)
    return values or {}


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text in nested values with its innermost key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            # {"": "kernel", "text_config": "kernel"} sets one per part of a model.
            within = key.removeprefix("_").startswith(_HUB_KEYS)
            yield from _strings(one, key if within else str(name))
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one, key)


def _is_supported(model_type: str) -> bool:
    if find_spec("transformers") is None:
        return False
    from transformers import CONFIG_MAPPING

    return model_type in CONFIG_MAPPING


def _stays_inside(place: str) -> bool:
    paths = (PurePosixPath(place), PureWindowsPath(place))
    return not any(path.is_absolute() or path.anchor or ".." in path.parts for path in paths)
