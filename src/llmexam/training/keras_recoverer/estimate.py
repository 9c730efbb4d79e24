"""Estimate of the cost of fine-tuning a recoverer with Keras, without loading weights."""

from __future__ import annotations

import numpy as np

from llmexam.lm.keras_models.causal import longest_input, require_keras_decoder
from llmexam.lm.models.loading import load_tokenizer
from llmexam.recovery.rewrites import RewriteExam
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.estimate import MB, count_steps
from llmexam.training.decoders.cost import find_shape
from llmexam.training.decoders.memory import model_shape
from llmexam.training.keras_recoverer.data import padding_share
from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.training.protocol import Estimate
from llmexam.training.rewrites.examples import Examples

# A trained weight of 32 bits has a gradient and two moments of AdamW.
_TRAINED_BYTES = 16


def estimate(train: RewriteExam, settings: KerasRecovererTrainingSettings) -> Estimate:
    """Return the estimated cost of training; only config and tokenizer are needed.

    Tokens, steps, padding and truncation are exact. The time is not predicted. Memory is that of
    weights, gradients, moments and logits; activations come on top.

    Args:
        train: The training rows.
        settings: Training settings.

    Raises:
        ModelError: There is no config or tokenizer of this name, or KerasHub does not support the
            model.
    """
    folder = find_shape(settings.model)
    require_keras_decoder(folder)
    shape = model_shape(folder)
    examples = Examples(train, settings, load_tokenizer(folder), longest_input(folder))
    n_steps, _ = count_steps(len(examples), settings)
    is_half = training_precision(settings.precision, training_device(settings.device)) == "bf16"
    has_lora = settings.lora_rank is not None
    weights = shape.n_weights * (2 if is_half and has_lora else 4)
    trained = 0 if has_lora else shape.n_weights
    most = int(np.sort(examples.n_targets)[::-1][: settings.batch_size].sum())
    # The logits, their copy for the softmax, and their gradient, in 32 bits.
    logits = 12 * most * shape.vocabulary
    n_cut = int((examples.texts_cut > 0).sum())
    frozen = f", frozen; adapters of rank {settings.lora_rank} are trained"
    return Estimate(
        n_questions=len(examples),
        n_tokens=int(examples.n_tokens.sum()),
        n_steps=n_steps,
        n_truncated=n_cut,
        share_cut=float(examples.texts_cut.sum()) / (2 * len(examples)),
        seconds=None,
        peak_mb=(weights + (_TRAINED_BYTES - 4) * trained + logits) / MB,
        details={
            "weights": f"{shape.n_weights:,}{frozen if has_lora else ', all trained'}",
            "tokens per row": f"{examples.n_tokens.mean():.0f} on average, "
            f"{int(examples.n_tokens.max())} at most",
            "prompt tokens, learned": f"{int(examples.n_targets.sum()):,} per epoch",
            "padding": f"{padding_share(examples, settings):.1%} of the computed tokens",
            "memory": "weights, gradients, moments and logits, without activations",
        },
    )
