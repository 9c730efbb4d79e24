"""Logits at some positions only, for any model with a language-model head.

A vocabulary has up to 262,144 tokens, so that logits of all positions would take more time and
memory than the model; only the few tokens of a prompt have a loss.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from llmexam.errors import ModelError
from llmexam.training.base.losses import NO_LABEL
from llmexam.training.recoverer.rows import Pass


def summed_loss(model: nn.Module, decoder: Any, inputs: Pass) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of the targets of a pass, summed, and their logits.

    Args:
        model: What is called: the decoder, perhaps wrapped by adapters or for several processes.
        decoder: The transformers model itself.
        inputs: The pass.

    Returns:
        The sum, a float32 scalar, and logits of shape `[n_targets, n_vocabulary]`.

    Raises:
        ModelError: The model computes its logits without a module for its head.
    """
    at, targets = inputs["at"], inputs["targets"]

    def select(head: nn.Module, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (states[0].flatten(0, 1)[at][None], *states[1:])

    # Before the head, so that what the model does with logits, such as capping, is kept.
    hook = decoder.get_output_embeddings().register_forward_pre_hook(select)
    try:
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        ).logits
    finally:
        hook.remove()
    if logits.shape[:2] != (1, len(at)):
        raise ModelError(
            "cannot select positions before the head of a model of type "
            f"'{decoder.config.model_type}'"
        )
    total = F.cross_entropy(logits[0].float(), targets, ignore_index=NO_LABEL, reduction="sum")
    return total, logits[0]
