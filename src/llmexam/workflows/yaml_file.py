"""A YAML file that says what to do: read, changed by keys, and its paths put where they belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import SettingsError
from llmexam.sample import BUNDLED
from llmexam.solvers.registry import served_solvers
from llmexam.storage.yaml_text import load_yaml

Change = Callable[[str], str]

# Settings of solvers and trainers that name a file or a folder; a model may be a hub's name too.
_MODEL = "model"
_PATHS = ("out_of_fold", "judgements", "cache_dir", "file")
# What has a name, or is a file that ends so.
_NAME_OR_FILE = {"template": (".yaml", ".yml"), "deepspeed": (".json",)}
# Settings that hold such settings again, as those of a ranker or of a cascade do.
_NESTED = ("members", "settings", "shots", "first", "second", "encoding")

# The key that a text alone gives; of a list, that of its only member.
_SHORT = {
    "exam": "path",
    "train": "path",
    "dev": "path",
    "report_on": "path",
    "corpus": "path",
    "reranker": "model",
    "tracking": "to",
}


def read_yaml_file(path: str | Path, *, kind: str, keys: str) -> dict[str, Any]:
    """Return what a YAML file says.

    Args:
        path: The file.
        kind: What it is, for error texts: `plan`.
        keys: The keys it needs, for error texts: `exam and solvers`.

    Raises:
        SettingsError: It cannot be read, or is no mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"there is no such {kind}", file=path) from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise SettingsError("this is not a YAML file", file=path) from None
    values = load_yaml(text, file=path)
    if not isinstance(values, dict):
        raise SettingsError(f"a {kind} is a mapping with the keys {keys}", file=path)
    return values


def merge_changes(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with some of them changed, key by key at every depth.

    A text that is short for a mapping is one: of `dev: a.csv`, `path` is `a.csv`.
    """
    merged = dict(values)
    for key, change in changes.items():
        here = merged.get(key)
        if isinstance(here, list) and len(here) == 1 and key in _SHORT:
            here = here[0]
        if isinstance(here, str) and key in _SHORT and here != "none":
            here = {_SHORT[key]: here}
        if isinstance(change, Mapping) and isinstance(here, Mapping):
            merged[key] = merge_changes(here, change)
        else:
            merged[key] = change
    return merged


def place_path(path: str, base: Path) -> str:
    """Return where a path lies that starts at a folder.

    Raises:
        SettingsError: It cannot be a path.
    """
    if "\0" in path:
        raise SettingsError(f"the path {path!r} holds a NUL character")
    try:
        return str(base / Path(path).expanduser())
    except RuntimeError:
        raise SettingsError(f"there is no home folder for the path '{path}'") from None


def place_model(name: str, base: Path) -> str:
    """Return the absolute folder of a model that lies where a file says, or the name as it is.

    `bundled` and names of a hub stay, and a folder that is not there, unless its name can be
    nothing else: one that starts with `.` or `~`.

    Args:
        name: What the file says.
        base: The folder that relative paths start at.

    Raises:
        SettingsError: It cannot be the name of a model.
    """
    if not name.strip() or name == BUNDLED:
        return name
    folder = Path(place_path(name, base))
    return str(folder.absolute()) if name[0] in ".~" or folder.is_dir() else name


def names_file(key: str, value: Any) -> bool:
    """Return whether a setting of a solver or trainer names a file or a folder.

    A prompt template and the settings of DeepSpeed may be names instead, such as `alpaca`.

    Args:
        key: The setting.
        value: What it is set to.
    """
    return key in _PATHS or (isinstance(value, str) and value.endswith(_NAME_OR_FILE.get(key, ())))


def place_settings(
    values: Mapping[str, Any], change_path: Change, change_model: Change, *, solver: str = ""
) -> dict[str, Any]:
    """Return the settings of a solver or trainer with every path in them changed.

    A served model has a name that is the server's, whatever folder lies nearby.

    Args:
        values: The settings, and those of members inside.
        change_path: Changes the path of a file or folder.
        change_model: Changes the name of a model.
        solver: The solver whose settings they are, if they are a solver's.
    """
    served = served_solvers()

    def place(key: str, value: Any, owner: Any) -> Any:
        if isinstance(value, str) and key == _MODEL:
            return value if str(owner) in served else change_model(value)
        if isinstance(value, str) and names_file(key, value):
            return change_path(value)
        return place_all(value, owner) if key in _NESTED else value

    def place_all(value: Any, owner: Any) -> Any:
        # Members are a list, or a mapping by name; a name may be that of a setting.
        if isinstance(value, Mapping):
            owner = value.get("solver", owner)
            return {
                key: place_all(one, key if key in served else owner)
                if isinstance(one, Mapping)
                else place(key, one, owner)
                for key, one in value.items()
            }
        return [place_all(one, owner) for one in value] if isinstance(value, list) else value

    return {key: place(key, value, solver) for key, value in values.items()}
