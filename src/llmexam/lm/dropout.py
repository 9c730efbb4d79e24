"""Dropout for training on a CPU, where torch draws one number after the other.

Here 16 random bits a value are drawn, four values at once, and nothing but a mask is kept. The seed
comes from torch's generator, so a training that is resumed, or a layer that is computed again,
drops the same values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

# Values of 16 random bits: the share that is dropped is exact to 1 / 65536.
_LEVELS = 1 << 16


def drop(hidden: Tensor, share: float) -> Tensor:
    """Return values, a share of them set to 0 at random and the others scaled up for it.

    Args:
        hidden: Any shape, float.
        share: Which share, 0 to 1.
    """
    if not share:
        return hidden
    if hidden.is_cuda:
        return F.dropout(hidden, share)
    dropped: Tensor = _Drop.apply(hidden, share)  # type: ignore[no-untyped-call]
    return dropped


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, share: float) -> Tensor:
        """Return the values that stay, scaled."""
        threshold = round(share * _LEVELS)
        ctx.stays = _mask(hidden.numel(), threshold).view(hidden.shape)
        ctx.scale = _LEVELS / max(1, _LEVELS - threshold)
        return _kept(hidden, ctx.stays, ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradients of the values that stayed."""
        return _kept(gradients[0], ctx.stays, ctx.scale), None


def _mask(n: int, threshold: int) -> Tensor:
    seed = int(torch.randint(0, 2**62, ()))
    raw = np.random.SFC64(seed).random_raw(-(-n // 4))
    return torch.from_numpy(raw.view(np.uint16)[:n] >= threshold)


def _kept(values: Tensor, stays: Tensor, scale: float) -> Tensor:
    nothing = torch.zeros((), dtype=values.dtype)
    return torch.where(stays, values, nothing).mul_(scale)
