"""Binary head of a decoder: one logit from the state of a text's last token.

In transformers this is sequence classification with one label.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from llmexam.errors import ModelError
from llmexam.lm.models.loading import ModelFolder

# Attribute of the head in transformers' decoders.
HEAD_NAME = "score"
_CLASS = "ForSequenceClassification"


class BinaryHead:
    """Computes the logit of each state.

    Args:
        model: A transformers decoder for sequence classification with one label.
    """

    def __init__(self, model: Any) -> None:
        self._score: torch.nn.Module = model.get_submodule(HEAD_NAME)

    def answers(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Return the logit of each state, float32, shape `[n]`.

        Args:
            states: States of last tokens, shape `[n, hidden_size]`.
            tokens: Unused: the whole text is scored.
        """
        # In fp32, because bf16 has three digits, so options would tie; the cost is negligible.
        weights = {name: one.float() for name, one in self._score.named_parameters()}
        with torch.autocast(states.device.type, enabled=False):
            logits: Tensor = functional_call(self._score, weights, (states.float(),))
        return logits[:, 0]


def has_binary_head(folder: ModelFolder) -> bool:
    """Return whether a folder's config declares sequence classification."""
    config = folder.read_json("config.json") or {}
    return any(str(name).endswith(_CLASS) for name in config.get("architectures") or ())


def ends_in_binary_head(model: Any) -> bool:
    """Return whether a transformers model is a sequence classifier."""
    return type(model).__name__.endswith(_CLASS)


def auto_class(*, binary_head: bool) -> Any:
    """Return transformers' auto class for a decoder with a binary head or a language-model head."""
    import transformers

    if binary_head:
        return transformers.AutoModelForSequenceClassification
    return transformers.AutoModelForCausalLM


def require_binary_head(model: Any, folder: ModelFolder) -> None:
    """Check that a sequence classifier is a decoder with one output.

    Raises:
        ModelError: It is not.
    """
    head = getattr(model, HEAD_NAME, None)
    if not isinstance(head, torch.nn.Linear):
        raise ModelError(
            f"{type(model).__name__} has no classification head '{HEAD_NAME}'",
            file=folder.path,
            hint="Use solver cross-encoder for an encoder with one label",
        )
    if head.out_features != 1:
        raise ModelError(
            f"expected a classification head with one label, got {head.out_features}",
            file=folder.path,
            hint="Use a model with num_labels = 1",
        )
