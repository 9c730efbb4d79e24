"""Adversarial training (AWP, FGM): a second pass with perturbed weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from llmexam.training.multiple_choice.settings import AdversarialSettings

# An all-zero matrix has norm 0, so its relative perturbation is undefined.
_TINY = 1e-12


def moved_parameters(model: nn.Module, settings: AdversarialSettings) -> list[Tensor]:
    """Return the parameters to perturb: all trained matrices, or the token embeddings."""
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
    """Perturb parameters along their gradients within the `with` block, and restore them after.

    AWP (arXiv 2004.05884) adds epsilon * |W| * g / |g| to each matrix W with gradient g;
    FGM (arXiv 1605.07725) adds epsilon * g / |g| to the embeddings.

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
    """Run a second pass with perturbed weights; its gradients are added to those of the first.

    Args:
        model: The model, after a first backward pass.
        settings: How to move.
        backward: Computes the loss and its gradients, and returns the loss.
    """
    parameters = moved_parameters(model, settings)
    with moved(parameters, [p.grad for p in parameters], settings):
        return backward()
