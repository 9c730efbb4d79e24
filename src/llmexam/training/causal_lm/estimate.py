"""Estimate of the cost of fine-tuning a decoder, without loading weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmexam.exam.exam import Exam
from llmexam.lm.models.loading import ModelFolder, load_tokenizer
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.estimate import count_steps
from llmexam.training.base.processes import n_processes
from llmexam.training.causal_lm.binary_head import require_objective
from llmexam.training.causal_lm.deepspeed import read_deepspeed_config
from llmexam.training.causal_lm.model import check_settings
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.decoders.cost import (
    duration,
    find_shape,
    flops_per_token,
    gigabytes,
    matrix_rate,
)
from llmexam.training.decoders.memory import Memory, Shape, memory, model_shape, n_trained
from llmexam.training.decoders.model import longest_input
from llmexam.training.prompts.examples import ExampleMaker, Examples
from llmexam.training.protocol import Estimate

_COUNTS = (1, 2, 4, 8)


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
    shape = model_shape(
        folder,
        binary_head=settings.objective == "binary-head",
        targets=settings.lora.targets if settings.lora is not None else "all-linear",
    )
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
        "time, lower bound": f"{duration(flops / rate / n_processes())}: {flops:.3g} FLOPs at "
        f"{rate / 1e12:.3g} TFLOP/s, measured on this machine",
    }
    for n, found in by_count.items():
        name = "memory on a single GPU" if n == 1 else f"memory per GPU, {n} processes"
        told[name] = gigabytes(found)
    return told


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
