"""Estimate of the cost of fine-tuning a decoder, without loading weights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llmexam.errors import ModelError
from llmexam.exam.exam import Exam
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, refuse_pickled, require_packages
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.estimate import count_steps
from llmexam.training.base.processes import n_processes
from llmexam.training.causal_lm.binary_head import require_objective
from llmexam.training.causal_lm.deepspeed import read_deepspeed_config
from llmexam.training.causal_lm.examples import ExampleMaker, Examples
from llmexam.training.causal_lm.memory import Memory, Shape, memory, model_shape, n_trained
from llmexam.training.causal_lm.model import check_settings, longest_input
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.protocol import Estimate

_GB = 1e9
_COUNTS = (1, 2, 4, 8)
# Size of the timed matrix product: enough for a GPU, and fast on a CPU.
_MATRIX = {"cuda": 8192, "cpu": 1024}
_SHAPE_FILES = ["*.json", "*.txt", "*.model"]


def estimate(train: Exam, settings: CausalLmTrainingSettings) -> Estimate:
    """Return the estimated cost of training; only config and tokenizer are needed.

    Tokens, steps and truncation are exact. Memory is that of a GPU by the formulas of `memory`.
    Time is not predicted; the details have a lower bound from the matrix products alone, at
    this machine's measured rate.

    Args:
        train: The training questions.
        settings: Training settings.

    Raises:
        ModelError: There is no config or tokenizer of this name.
        SettingsError: Two settings are incompatible.
    """
    check_settings(settings)
    folder = find_shape(settings.model)
    require_objective(folder, settings)
    shape = model_shape(folder, binary_head=settings.objective == "binary-head")
    tokenizer = load_tokenizer(folder)
    maker = ExampleMaker(settings, tokenizer, _longest(folder))
    examples = Examples(train, settings, maker)
    n_steps, _ = count_steps(len(examples), settings, n_processes=n_processes())
    device = training_device(settings.device)
    precision = training_precision(settings.precision, device)
    zero = None
    if settings.deepspeed is not None:
        zero = read_deepspeed_config(settings.deepspeed).get("zero_optimization", {})
    n_tokens, n_logits = _largest_pass(examples, settings)
    by_count = {
        n: memory(
            shape,
            settings,
            n_tokens=n_tokens,
            n_logits=n_logits,
            n_processes=n,
            zero=zero,
            half=precision != "fp32",
        )
        for n in sorted({*_COUNTS, n_processes()})
    }
    per_epoch = int(examples.n_tokens.sum())
    passes = n_steps * settings.batch_size * settings.gradient_accumulation * n_processes()
    all_tokens = per_epoch * passes / len(examples)
    rate = matrix_rate(device, precision)
    flops = flops_per_token(shape, settings) * all_tokens
    return Estimate(
        n_questions=len(examples),
        n_tokens=per_epoch,
        n_steps=n_steps,
        n_truncated=int((examples.n_cut > 0).sum()),
        share_cut=_share_cut(examples),
        seconds=None,
        peak_mb=by_count[n_processes()].total / 1e6,
        details=_details(shape, settings, examples, by_count, flops, rate),
    )


def find_shape(name: str) -> ModelFolder:
    """Return a folder with a model's config and tokenizer, possibly without weights.

    Args:
        name: A local folder, or a Hugging Face name, of which only small files are downloaded.

    Raises:
        ModelError: There is none, or it has weights of a rejected format.
    """
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


def flops_per_token(shape: Shape, settings: CausalLmTrainingSettings) -> float:
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


def _details(
    shape: Shape,
    settings: CausalLmTrainingSettings,
    examples: Examples,
    by_count: dict[int, Memory],
    flops: float,
    rate: float,
) -> dict[str, str]:
    trained = n_trained(shape, settings)
    told = {
        "weights": f"{shape.n_weights:,}, {trained:,} of them trainable"
        if settings.lora is None
        else f"{shape.n_weights:,}, frozen; {trained:,} trainable in the adapters",
        "tokens per question": f"{examples.n_tokens.mean():.0f} on average, "
        f"{int(examples.n_tokens.max())} at most",
        "target tokens": f"{int(examples.n_targets.sum()):,} per epoch",
        "time, lower bound": f"{_duration(flops / rate / n_processes())}: {flops:.3g} FLOPs at "
        f"{rate / 1e12:.3g} TFLOP/s, measured on this machine",
    }
    for n, found in by_count.items():
        name = "memory on a single GPU" if n == 1 else f"memory per GPU, {n} processes"
        told[name] = _gigabytes(found)
    return told


def _duration(seconds: float) -> str:
    """Return a duration with two significant digits in a suitable unit.

    >>> _duration(0.00412), _duration(95), _duration(100_000)
    ('0.0041 s', '95 s', '28 h')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:.0f} s"


def _gigabytes(found: Memory) -> str:
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


def _largest_pass(examples: Examples, settings: CausalLmTrainingSettings) -> tuple[int, int]:
    """Return tokens and logits of a pass with the longest questions."""
    n = min(settings.batch_size, len(examples))
    widest = int(examples.n_tokens.max())
    window = int(np.sort(examples.n_targets)[-1])
    return n * widest, n * min(window, widest)


def _share_cut(examples: Examples) -> float:
    """Return the share of tokens that is truncated."""
    cut = float(examples.n_cut.sum())
    return cut / (cut + float(examples.n_tokens.sum())) if cut else 0.0


def _longest(folder: ModelFolder) -> int | None:
    import transformers

    config: Any = transformers.AutoConfig.from_pretrained(
        str(folder.path), trust_remote_code=False, local_files_only=True
    )
    return longest_input(config)
