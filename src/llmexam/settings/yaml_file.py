"""Read settings from a YAML file, with overrides from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from llmexam.errors import SettingsError
from llmexam.settings.base import Settings
from llmexam.storage.yaml_text import load_yaml


def read_yaml_file(path: str | Path, *, kind: str, keys: str) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Args:
        path: The file.
        kind: What it is, for error texts: `plan`.
        keys: The keys it needs, for error texts: `exam and solvers`.

    Raises:
        SettingsError: It cannot be read, or is not a mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"{kind} file not found", file=path) from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise SettingsError("expected a YAML file in UTF-8", file=path) from None
    values = load_yaml(text, file=path)
    if not isinstance(values, dict):
        raise SettingsError(
            f"expected a {kind}, which is a mapping with the keys {keys}", file=path
        )
    return values


def merge_changes(
    values: Mapping[str, Any], changes: Mapping[str, Any], kind: type[Settings] | None
) -> dict[str, Any]:
    """Merge nested changes into values, key by key.

    A text that is shorthand for a mapping is expanded first: of `dev: a.csv`, `path` is `a.csv`.

    Args:
        values: Keys and values as they are in the file.
        changes: Keys to change, nested likewise.
        kind: The settings that the values are for, if that is known.
    """
    merged = dict(values)
    for key, change in changes.items():
        here = merged.get(key)
        inner = _settings_of(kind, key)
        shorthand = inner.shorthand if inner is not None else None
        if shorthand is not None:
            if isinstance(here, list) and len(here) == 1:
                here = here[0]
            if isinstance(here, str) and here != "none":
                here = {shorthand: here}
        if isinstance(change, Mapping) and isinstance(here, Mapping):
            merged[key] = merge_changes(here, change, inner)
        else:
            merged[key] = change
    return merged


def _settings_of(kind: type[Settings] | None, key: str) -> type[Settings] | None:
    """Return the settings class that a field holds, alone, in a list or in a union."""
    field = kind.model_fields.get(key) if kind is not None else None
    waiting: list[Any] = [field.annotation] if field is not None else []
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, Settings):
            return annotation
        waiting += get_args(annotation)
    return None
