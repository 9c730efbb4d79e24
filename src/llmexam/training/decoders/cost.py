"""Parts of the estimated cost of fine-tuning a decoder: config, FLOPs, and how they are shown."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from llmexam.errors import ModelError
from llmexam.lm.models.gguf import is_gguf
from llmexam.lm.models.loading import (
    HUB_PREFIX,
    ModelFolder,
    refuse_pickled,
    require_packages,
    resolve_model,
)
from llmexam.training.decoders.memory import Memory, Shape
from llmexam.training.decoders.settings import DecoderTrainingSettings

_GB = 1e9
# Size of the timed matrix product: enough for a GPU, and fast on a CPU.
_MATRIX = {"cuda": 8192, "cpu": 1024}
_SHAPE_FILES = ["*.json", "*.txt", "*.model"]


def find_shape(name: str) -> ModelFolder:
    """Return a folder with a model's config and tokenizer, possibly without weights.

    Args:
        name: A local folder or GGUF file, or a Hugging Face name, of which only small files are
            downloaded.

    Raises:
        ModelError: There is none, or it has weights of a rejected format.
    """
    if is_gguf(name):
        return resolve_model(name)
    name = name.removeprefix(HUB_PREFIX)
    path = Path(name).expanduser()
    if name.strip() and path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError("not a model folder: it has no config.json", file=path)
        weights = tuple(sorted(path.glob("model*.safetensors")))
        if not weights:
            refuse_pickled(path)
        return ModelFolder(name, path, weights)
    require_packages(f"model '{name}'", "huggingface_hub")
    from huggingface_hub import snapshot_download

    for local in (True, False):
        try:
            found = snapshot_download(name, local_files_only=local, allow_patterns=_SHAPE_FILES)
        except Exception as error:  # the network stack may raise anything
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            continue
        if (Path(found) / "config.json").is_file():
            return ModelFolder(name, Path(found), ())
        reason = "it has no config.json"
    raise ModelError(
        f"cannot find config and tokenizer of '{name}' as a local folder or in the "
        f"Hugging Face cache, and the download failed: {reason}",
        hint="Give a folder with config.json and the tokenizer's files; weights are not needed",
    )


def flops_per_token(shape: Shape, settings: DecoderTrainingSettings) -> float:
    """Return the FLOPs per token: 2 per weight forward, 4 backward.

    Frozen weights need 2 in the backward pass, as they have no weight gradients, and gradient
    checkpointing runs the forward pass twice. Attention scores are ignored (Kaplan et al. 2020,
    arXiv 2001.08361, section 2.1).
    """
    each = 2 + (2 if settings.lora is not None else 4)
    if settings.gradient_checkpointing:
        each += 2
    return each * float(shape.n_linear)


def matrix_rate(device: str, precision: str) -> float:
    """Return the measured FLOPs per second of a square matrix product on this machine."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    n = _MATRIX[device]
    matrix = torch.ones(n, n, dtype=dtype, device=device)
    times = []
    for _ in range(4):
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        matrix @ matrix
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return 2.0 * n**3 / min(times[1:])


def duration(seconds: float) -> str:
    """Return a duration with two significant digits in a suitable unit.

    >>> duration(0.00412), duration(95), duration(100_000)
    ('0.0041 s', '95 s', '28 h')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:.0f} s"


def gigabytes(found: Memory) -> str:
    """Return the memory in gigabytes (10^9 bytes), in all and by use."""
    parts = {
        "weights": found.weights,
        "gradients": found.gradients,
        "optimiser": found.optimiser,
        "activations": found.activations,
        "logits": found.logits,
        "buckets": found.buckets,
    }
    shown = ", ".join(f"{name} {size / _GB:.3g}" for name, size in parts.items())
    return f"{found.total / _GB:.3g} GB: {shown}"
