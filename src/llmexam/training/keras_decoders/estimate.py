"""Estimate of the cost of training a decoder with Keras, without loading weights."""

from __future__ import annotations

from llmexam.lm.keras_models.causal import require_keras_decoder
from llmexam.lm.models.loading import ModelFolder
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.estimate import MB, count_steps
from llmexam.training.decoders.cost import find_shape, gigabytes
from llmexam.training.decoders.memory import memory, model_shape
from llmexam.training.decoders.settings import DecoderTrainingSettings
from llmexam.training.keras_base.passes import padded_length
from llmexam.training.keras_decoders.data import AnswerBatches, AnswerRows
from llmexam.training.keras_decoders.settings import KerasDecoderTrainingSettings
from llmexam.training.protocol import Estimate

# As KerasHub's adapters; their number depends on the layers, but is small everywhere.
_TARGETS = ("q_proj", "v_proj")


def find_decoder(settings: KerasDecoderTrainingSettings) -> ModelFolder:
    """Return a folder with config and tokenizer of the model, possibly without weights.

    Raises:
        ModelError: There is no config or tokenizer of this name, or KerasHub does not support the
            model.
    """
    folder = find_shape(settings.model)
    require_keras_decoder(folder)
    return folder


def estimate_rows(
    folder: ModelFolder,
    rows: AnswerRows,
    batches: AnswerBatches,
    settings: KerasDecoderTrainingSettings,
    *,
    n_truncated: int,
    share_cut: float,
    noun: str,
    learned: str,
) -> Estimate:
    """Return the estimated cost of training; only config and tokenizer are needed.

    Tokens, steps, padding and truncation are exact. The time is not predicted. Memory is that of
    a GPU by the formulas of `decoders.memory`.

    Args:
        folder: Config of the model.
        rows: The training rows.
        batches: Their batches.
        settings: Training settings.
        n_truncated: Rows of which a text was truncated.
        share_cut: The share of what was truncated, 0 to 1.
        noun: What one row is called.
        learned: What the tokens that are learned are called.

    Raises:
        ModelError: It is not a causal language model that transformers supports.
    """
    rank = settings.lora_rank
    lora = None if rank is None else {"r": rank, "targets": _TARGETS}
    like = DecoderTrainingSettings.parse(
        {"model": settings.model, "lora": lora}, subject="the estimate"
    )
    shape = model_shape(folder, targets=_TARGETS)
    n_steps, _ = count_steps(len(rows), settings)
    size, multiple = settings.batch_size, settings.length_multiple
    n_longest = int(rows.n_tokens.max())
    found = memory(
        shape,
        like,
        n_tokens=size * padded_length(n_longest, multiple, n_longest + multiple),
        n_logits=size * int(rows.n_targets.max()),
        half=training_precision(settings.precision, training_device(settings.device)) == "bf16",
    )
    frozen = f", frozen; adapters of rank {rank} are trained"
    return Estimate(
        n_questions=len(rows),
        n_tokens=int(rows.n_tokens.sum()),
        n_steps=n_steps,
        n_truncated=n_truncated,
        share_cut=share_cut,
        seconds=None,
        peak_mb=found.total / MB,
        details={
            "weights": f"{shape.n_weights:,}{', all trained' if rank is None else frozen}",
            f"tokens per {noun}": f"{rows.n_tokens.mean():.0f} on average, {n_longest} at most",
            f"{learned} tokens, learned": f"{int(rows.n_targets.sum()):,} per epoch",
            "padding": f"{batches.padding_share():.1%} of the computed tokens",
            "memory, without attention scores": gigabytes(found),
        },
    )
