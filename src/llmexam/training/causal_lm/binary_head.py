"""Decoders with a binary head in training; the head is new if the weights have none."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers.modeling_outputs import SequenceClassifierOutputWithPast

from llmexam.errors import SettingsError
from llmexam.lm.decoder import HEAD_NAME, has_binary_head, read_weights
from llmexam.lm.models.loading import ModelFolder
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings


def load_with_head(source: ModelFolder, *, seed: int, **options: Any) -> Any:
    """Load a decoder with a binary head, which is initialised by seed if the folder has none.

    Args:
        source: A causal language model, whose head over tokens is left out, or a decoder for
            sequence classification with one label.
        seed: Random seed of a new head.
        **options: Arguments of `from_pretrained`.

    Raises:
        ModelError: It is not such a decoder, or its files are damaged.
    """
    known = has_binary_head(source)
    if known:
        return read_weights(source, binary_head=True, **options)
    new = f"{HEAD_NAME}.weight"
    model = read_weights(source, binary_head=True, new=[new], num_labels=1, **options)
    _draw(model, seed)
    return model


def score_every_token(model: Any) -> None:
    """Make a model's forward return a logit per token, like a language-model head.

    The original returns one logit per row, but our rows contain the ends of several options.
    """
    model.forward = MethodType(_forward, model)


def require_objective(source: ModelFolder, settings: CausalLmTrainingSettings) -> None:
    """Check that weights with a binary head are trained with its objective.

    Raises:
        SettingsError: The objective is another one.
    """
    if settings.objective != "binary-head" and has_binary_head(source):
        raise SettingsError(
            f"model '{settings.model}' has a classification head, which objective "
            f"'{settings.objective}' does not train",
            field="objective",
            hint="Use objective binary-head, or a model without that head",
        )


def set_padding(model: Any, tokenizer: Any) -> None:
    """Set the model's padding id to the tokenizer's, so that batches of texts work elsewhere."""
    config = model.config.get_text_config()
    if config.pad_token_id is None:
        pads = (tokenizer.pad_token_id, tokenizer.eos_token_id)
        config.pad_token_id = next((token for token in pads if token is not None), None)


def _draw(model: Any, seed: int) -> None:
    weight = model.get_submodule(HEAD_NAME).weight
    # From a separate generator, so that the head is equal in every process.
    std = getattr(model.config.get_text_config(), "initializer_range", None) or 0.02
    drawn = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)) * std
    with torch.no_grad():
        weight.copy_(drawn)


def _forward(
    self: transformers.PreTrainedModel,
    input_ids: Tensor,
    position_ids: Tensor | None = None,
    attention_mask: Tensor | None = None,
    logits_to_keep: int = 0,
    use_cache: bool = False,
    **unused: Any,
) -> SequenceClassifierOutputWithPast:
    out = self.base_model(
        input_ids=input_ids,
        position_ids=position_ids,
        attention_mask=attention_mask,
        use_cache=use_cache,
    )
    head = self.get_submodule(HEAD_NAME)
    # With adapters, the trained head has 32 bits, while the states may have 16.
    dtype = list(head.parameters())[-1].dtype
    window = out.last_hidden_state[:, -logits_to_keep:].to(dtype)
    return SequenceClassifierOutputWithPast(logits=head(window))
