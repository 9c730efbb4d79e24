"""Weights moved to where the loss is higher, for a second pass, and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from llmexam.training.multiple_choice.settings import AdversarialSettings

# A weight that is all zeros has no size to move by.
_TINY = 1e-12


def moved_parameters(model: nn.Module, settings: AdversarialSettings) -> list[Tensor]:
    """Return the parameters that are moved: all trained matrices, or the token embeddings."""
    if settings.kind == "fgm":
        return [
            module.weight
            for name, module in model.named_modules()
            if isinstance(module, nn.Embedding)
            and module.weight.requires_grad
            and not any(word in name for word in ("position", "token_type"))
        ]
    return [p for p in model.parameters() if p.requires_grad and p.ndim > 1]


@contextmanager
def moved(
    parameters: list[Tensor], gradients: list[Tensor | None], settings: AdversarialSettings
) -> Iterator[None]:
    """Let the parameters be moved along the gradients inside, and as they were after.

    AWP (arXiv 2004.05884) moves each matrix W by epsilon * |W| * g / |g|, g being its gradient;
    FGM (arXiv 1605.07725) moves the embeddings by epsilon * g / |g|.

    Args:
        parameters: What is moved.
        gradients: Of the loss, one a parameter; None where there is none.
        settings: `kind` and `epsilon`.
    """
    before: list[tuple[Tensor, Tensor]] = []
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is None:
                continue
            length = gradient.norm()
            if not torch.isfinite(length) or length < _TINY:
                continue
            size = parameter.norm() if settings.kind == "awp" else 1.0
            before.append((parameter, parameter.detach().clone()))
            parameter.add_(gradient * (settings.epsilon * size / length))
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, own in before:
                parameter.copy_(own)


def adversarial_pass(
    model: nn.Module, settings: AdversarialSettings, backward: Callable[[], Tensor]
) -> Tensor:
    """Run one more pass with moved weights; its gradients join those of the first.

    Args:
        model: The model, after a first backward pass.
        settings: How to move.
        backward: Computes the loss and its gradients, and returns the loss.
    """
    parameters = moved_parameters(model, settings)
    with moved(parameters, [p.grad for p in parameters], settings):
        return backward()
