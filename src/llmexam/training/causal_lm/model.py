"""The decoder to train for solver `causal-lm`, and whether its answers can share a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmexam.errors import SettingsError
from llmexam.lm.decoder import (
    Continuation,
    ends_in_binary_head,
    plain_answers,
    read_weights,
    tolerance,
    whole_text,
)
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, resolve_model
from llmexam.training.base.optimiser import set_dropout
from llmexam.training.causal_lm.binary_head import (
    load_with_head,
    require_objective,
    score_every_token,
    set_padding,
)
from llmexam.training.causal_lm.objective import head_logits, log_probs
from llmexam.training.causal_lm.rows import collate
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.decoders import model as base
from llmexam.training.decoders.adapters import save_merged
from llmexam.training.decoders.model import (
    adapt_or_freeze,
    arithmetic_dtype,
    check_decoder_settings,
    load_weights,
    longest_input,
    padding_id,
)
from llmexam.training.prompts.examples import Example, Part

_TRUNK, _BRANCHES = 6, (3, 2, 4)


@dataclass(frozen=True, slots=True)
class Trainee(base.Trainee):
    """The model at the start of a training.

    Attributes:
        shares: Whether answers of a question can share a row under a tree mask.
        boolean_mask: Whether that mask is boolean; otherwise it is additive.
    """

    shares: bool
    boolean_mask: bool


def load_trainee(settings: CausalLmTrainingSettings) -> Trainee:
    """Load the model to train.

    Raises:
        ModelError: The weights are missing or unusable.
        SettingsError: A setting does not match the model or another setting.
        MissingDependencyError: A package that a setting needs is not installed.
    """
    check_settings(settings)
    source = resolve_model(settings.model)
    require_objective(source, settings)
    tokenizer = load_tokenizer(source)
    binary = settings.objective == "binary-head"
    read = partial(_read, source, binary_head=binary, seed=settings.seed)
    model = load_weights(settings, weights_dtype(settings), read)
    if binary:
        set_padding(model, tokenizer)
        score_every_token(model)
    set_dropout(model, settings.dropout)
    boolean = model.config._attn_implementation == "sdpa"
    shares = settings.objective != "answer" and _shares(model, settings, boolean=boolean)
    model = adapt_or_freeze(model, settings)
    return Trainee(source, tokenizer, model, padding_id(tokenizer), shares, boolean)


def check_settings(settings: CausalLmTrainingSettings) -> None:
    """Check combinations of settings.

    Raises:
        SettingsError: Settings are incompatible.
    """
    check_decoder_settings(settings)
    if settings.objective == "answer" and settings.label_smoothing:
        raise SettingsError(
            "label smoothing is not supported by objective 'answer'",
            field="label_smoothing",
        )


def weights_dtype(settings: CausalLmTrainingSettings) -> torch.dtype:
    """Return the type of loaded weights.

    Trained weights have 32 bits; frozen weights, and those with 32-bit copies in DeepSpeed, have
    the training precision.
    """
    if settings.lora is None and settings.deepspeed is None:
        return torch.float32
    return arithmetic_dtype(settings)


def save_trained(trainee: Trainee, folder: Path) -> None:
    """Write the weights in the type that the base model has on disk.

    Adapters are merged into the unquantised base weights, and also stored in `adapter/`.
    """
    binary = ends_in_binary_head(trainee.decoder)

    def read_whole() -> Any:
        whole = _read(trainee.source, binary_head=binary, seed=0, dtype=torch.float32)
        if binary:
            set_padding(whole, trainee.tokenizer)
        return whole

    save_merged(trainee.model, trainee.source, folder, read_whole)


def _read(source: ModelFolder, *, binary_head: bool, seed: int, **options: Any) -> Any:
    if binary_head:
        return load_with_head(source, seed=seed, **options)
    return read_weights(source, binary_head=False, **options)


@torch.no_grad()
def _shares(model: Any, settings: CausalLmTrainingSettings, *, boolean: bool) -> bool:
    """Return whether answers in a shared row get the same log-probabilities as alone."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    limits = (settings.encoding.max_tokens, longest_input(config))
    longest = min((n for n in limits if n is not None), default=None)
    # One mask serves all layers, so sliding windows in some layers are not supported.
    looks_back = window if getattr(config, "use_sliding_window", True) else None
    if looks_back and (longest is None or longest > looks_back):
        return False
    draw = np.random.default_rng(0)
    trunk = tuple(draw.integers(0, config.vocab_size, _TRUNK).tolist())
    texts = [(*trunk, *draw.integers(0, config.vocab_size, n).tolist()) for n in _BRANCHES]
    binary = settings.objective == "binary-head"
    requests = [whole_text(text) if binary else Continuation(text, _TRUNK) for text in texts]
    parts = tuple(Part(request, i) for i, request in enumerate(requests))
    batch = collate([Example(parts, len(parts), 0)], [True], by_token=False, boolean_mask=boolean)
    asked = {k: v.to(model.device) for k, v in batch["asked"].items() if isinstance(v, Tensor)}
    inputs = {k: batch[k].to(model.device) for k in ("input_ids", "position_ids", "attention_mask")}
    was_training = model.training
    model.eval()
    try:
        logits = model(**inputs, use_cache=False).logits[:, -batch["logits_to_keep"] :]
        plain = torch.cat([plain_answers(model, request) for request in requests])
        shared = head_logits(logits, asked) if binary else log_probs(logits, asked)
        # Logits of a new head are small, so the tolerance is relative to their size.
        apart = float((shared - plain).abs().max() / (plain.abs().max() if binary else 1.0))
    except (RuntimeError, ValueError, TypeError, NotImplementedError):
        return False
    finally:
        model.train(was_training)
    return apart <= tolerance(model.dtype)
