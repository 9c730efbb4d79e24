"""Estimate of the cost of fine-tuning a recoverer, without loading weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmexam.lm.models.loading import ModelFolder, load_tokenizer
from llmexam.recovery.rewrites import RewriteExam
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.batching import BatchPlan
from llmexam.training.base.estimate import count_steps
from llmexam.training.base.processes import n_processes
from llmexam.training.decoders.cost import (
    duration,
    find_shape,
    flops_per_token,
    gigabytes,
    matrix_rate,
)
from llmexam.training.decoders.memory import memory, model_shape, n_trained
from llmexam.training.decoders.model import longest_input
from llmexam.training.protocol import Estimate
from llmexam.training.recoverer.model import check_settings
from llmexam.training.recoverer.rows import padding_share, split_by_tokens
from llmexam.training.recoverer.settings import RecovererTrainingSettings
from llmexam.training.rewrites.examples import Examples
from llmexam.training.rewrites.grading import RANDOM_STEPS


def estimate(train: RewriteExam, settings: RecovererTrainingSettings) -> Estimate:
    """Return the estimated cost of training; only config and tokenizer are needed.

    Tokens, steps, padding and truncation are exact. Memory is that of a GPU by the formulas of
    `memory`. Time is not predicted; the details have a lower bound from the matrix products
    alone, at this machine's measured rate.

    Args:
        train: The training rows.
        settings: Training settings.

    Raises:
        ModelError: There is no config or tokenizer of this name.
        SettingsError: Two settings are incompatible.
    """
    check_settings(settings)
    folder = find_shape(settings.model)
    targets = settings.lora.targets if settings.lora is not None else "all-linear"
    shape = model_shape(folder, targets=targets)
    examples = Examples(train, settings, load_tokenizer(folder), _longest(folder))
    n_steps, _ = count_steps(len(examples), settings, n_processes=n_processes())
    device = training_device(settings.device)
    precision = training_precision(settings.precision, device)
    n_tokens, n_logits = largest_pass(examples, settings)
    found = memory(
        shape,
        settings,
        n_tokens=n_tokens,
        n_logits=n_logits,
        n_processes=n_processes(),
        half=precision != "fp32",
    )
    per_epoch = int(examples.n_tokens.sum())
    n_rows = n_steps * settings.batch_size * settings.gradient_accumulation * n_processes()
    scale = n_rows / len(examples)
    # The head's products are counted apart: only the learned tokens have logits.
    head = 4.0 * shape.hidden * shape.vocabulary * float(examples.n_targets.sum())
    flops = scale * (flops_per_token(shape, settings) * per_epoch + head)
    rate = matrix_rate(device, precision)
    trained = n_trained(shape, settings)
    n_cut = int((examples.texts_cut > 0).sum())
    return Estimate(
        n_questions=len(examples),
        n_tokens=per_epoch,
        n_steps=n_steps,
        n_truncated=n_cut,
        share_cut=float(examples.texts_cut.sum()) / (2 * len(examples)),
        seconds=None,
        peak_mb=found.total / 1e6,
        details={
            "weights": f"{shape.n_weights:,}, {trained:,} of them trainable"
            if settings.lora is None
            else f"{shape.n_weights:,}, frozen; {trained:,} trainable in the adapters",
            "tokens per row": f"{examples.n_tokens.mean():.0f} on average, "
            f"{int(examples.n_tokens.max())} at most",
            "prompt tokens, learned": f"{int(examples.n_targets.sum()):,} per epoch",
            "padding": f"{padding_of(examples, settings):.1%} of the computed tokens",
            "time, lower bound": f"{duration(flops / rate / n_processes())}: {flops:.3g} FLOPs "
            f"at {rate / 1e12:.3g} TFLOP/s, measured on this machine",
            "memory on a GPU": gigabytes(found),
        },
    )


def padding_of(examples: Examples, settings: RecovererTrainingSettings) -> float:
    """Return the share of padding in the tokens of the first epoch, 0 to 1."""
    plan = BatchPlan(
        examples.n_tokens,
        settings.batch_size,
        n_passes=settings.gradient_accumulation,
        n_processes=n_processes(),
        seed=settings.seed,
        bucket_steps=RANDOM_STEPS,
    )
    batches = [[draw.row for draw in draws] for draws in plan]
    return padding_share(examples, batches, settings.tokens_per_pass)


def largest_pass(examples: Examples, settings: RecovererTrainingSettings) -> tuple[int, int]:
    """Return tokens and logits of a pass with the longest rows."""
    longest = np.argsort(-examples.n_tokens, kind="stable")[: settings.batch_size]
    lengths = examples.n_tokens[longest].tolist()
    rows = split_by_tokens(lengths, settings.tokens_per_pass)[0]
    most = np.sort(examples.n_targets)[::-1][: len(rows)]
    return len(rows) * lengths[0], int(most.sum())


def _longest(folder: ModelFolder) -> int | None:
    import transformers

    config: Any = transformers.AutoConfig.from_pretrained(
        str(folder.path), trust_remote_code=False, local_files_only=True
    )
    return longest_input(config)
