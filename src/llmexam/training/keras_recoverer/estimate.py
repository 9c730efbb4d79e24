"""Estimate of the cost of fine-tuning a recoverer with Keras, without loading weights."""

from __future__ import annotations

from llmexam.lm.keras_models.causal import longest_input, require_keras_decoder
from llmexam.lm.models.loading import load_tokenizer
from llmexam.recovery.rewrites import RewriteExam
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.estimate import MB, count_steps
from llmexam.training.decoders.cost import find_shape, gigabytes
from llmexam.training.decoders.memory import memory, model_shape
from llmexam.training.decoders.settings import DecoderTrainingSettings
from llmexam.training.keras_base.passes import padded_length
from llmexam.training.keras_recoverer.data import padding_share
from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.training.protocol import Estimate
from llmexam.training.rewrites.examples import Examples

# As KerasHub's adapters; their number depends on the layers, but is small everywhere.
_TARGETS = ("q_proj", "v_proj")


def estimate(train: RewriteExam, settings: KerasRecovererTrainingSettings) -> Estimate:
    """Return the estimated cost of training; only config and tokenizer are needed.

    Tokens, steps, padding and truncation are exact. The time is not predicted. Memory is that of
    a GPU by the formulas of `decoders.memory`.

    Args:
        train: The training rows.
        settings: Training settings.

    Raises:
        ModelError: There is no config or tokenizer of this name, or KerasHub does not support the
            model.
    """
    folder = find_shape(settings.model)
    require_keras_decoder(folder)
    rank = settings.lora_rank
    lora = None if rank is None else {"r": rank, "targets": _TARGETS}
    like = DecoderTrainingSettings.parse(
        {"model": settings.model, "lora": lora}, subject="the estimate"
    )
    shape = model_shape(folder, targets=_TARGETS)
    examples = Examples(train, settings, load_tokenizer(folder), longest_input(folder))
    n_steps, _ = count_steps(len(examples), settings)
    size, multiple = settings.batch_size, settings.length_multiple
    n_longest = int(examples.n_tokens.max())
    found = memory(
        shape,
        like,
        n_tokens=size * padded_length(n_longest, multiple, n_longest + multiple),
        n_logits=size * int(examples.n_targets.max()),
        half=training_precision(settings.precision, training_device(settings.device)) == "bf16",
    )
    n_cut = int((examples.texts_cut > 0).sum())
    frozen = f", frozen; adapters of rank {rank} are trained"
    return Estimate(
        n_questions=len(examples),
        n_tokens=int(examples.n_tokens.sum()),
        n_steps=n_steps,
        n_truncated=n_cut,
        share_cut=float(examples.texts_cut.sum()) / (2 * len(examples)),
        seconds=None,
        peak_mb=found.total / MB,
        details={
            "weights": f"{shape.n_weights:,}{', all trained' if rank is None else frozen}",
            "tokens per row": f"{examples.n_tokens.mean():.0f} on average, "
            f"{int(examples.n_tokens.max())} at most",
            "prompt tokens, learned": f"{int(examples.n_targets.sum()):,} per epoch",
            "padding": f"{padding_share(examples, settings):.1%} of the computed tokens",
            "memory, without attention scores": gigabytes(found),
        },
    )
