"""Presets of KerasHub: converted once into a model folder in the user's cache.

The conversion needs Keras, whose backend is chosen once for a process, so it has a process of its
own.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from llmexam.errors import LlmExamError, MissingDependencyError, ModelError
from llmexam.lm.models.folder_hash import hash_current
from llmexam.lm.models.gguf import cache_folder
from llmexam.storage.hashing import hash_json
from llmexam.storage.temporary import temporary_beside

WEIGHTS = "model.weights.h5"
TOKENIZER_FOLDER = Path("assets", "tokenizer")
_CONVERTER = "llmexam.lm.keras_models.preset"
_MAKERS = ("keras_hub>", "keras_nlp>")
_LOG = logging.getLogger(__name__)


def is_keras_preset(path: Path) -> bool:
    """Return whether a folder is a preset of KerasHub: its `config.json` names one of its classes.

    Args:
        path: A folder.
    """
    try:
        config = json.loads((path / "config.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and str(config.get("registered_name")).startswith(_MAKERS)


def preset_folder(path: Path) -> Path:
    """Return the model folder of a preset, which is converted on first use.

    Args:
        path: The folder of the preset.

    Raises:
        MissingDependencyError: Keras, KerasHub or torch is not installed.
        ModelError: A file is missing or damaged, or models of this class are not converted.
    """
    if not (path / WEIGHTS).is_file():
        raise ModelError(
            f"the preset of KerasHub has no {WEIGHTS}",
            file=path,
            hint="Save it again with `backbone.save_to_preset`; several weight files are not read",
        )
    files = [path / "config.json", path / WEIGHTS, path / "tokenizer.json"]
    files += sorted((path / TOKENIZER_FOLDER).glob("*"))
    content = [[one.name, hash_current(one)] for one in files if one.is_file()]
    target = cache_folder() / f"{path.resolve().name}-{hash_json(content)[:16]}"
    if target.is_dir():
        return target
    for package in ("keras", "keras_hub", "torch", "transformers"):
        if find_spec(package) is None:
            raise MissingDependencyError(
                "reading a preset of KerasHub", package.replace("_", "-"), "keras"
            )
    target.parent.mkdir(parents=True, exist_ok=True)
    # A second process waits, and then finds the folder.
    with FileLock(f"{target}.lock"):
        if target.is_dir():
            return target
        _LOG.info("converting the preset %s once into %s", path, target)
        temporary = temporary_beside(target)
        try:
            _convert(path, temporary)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert(path: Path, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", _CONVERTER, str(path), str(folder)],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        message, hint = lines[-1] if lines else "the conversion failed", None
        try:
            told = json.loads(message)
            message, hint = str(told["message"]), told["hint"]
        except (ValueError, KeyError, TypeError):
            pass
        error: LlmExamError = ModelError(message[:300], file=path, hint=hint)
        raise error
