"""Dropout masks for training on a CPU.

`torch.bernoulli` draws one value after the other and takes several nanoseconds for each on a CPU;
in long sequences the attention weights then cost as much as a third of the linear layers. Here 16
random bits per value come from numpy's SFC64, four values per call. The rate is therefore rounded
to a multiple of 1 / 65,536, and kept values are scaled by the rounded rate, so that expectations
are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

_LEVELS = 1 << 16


class MaskSource:
    """Draws the dropout masks of one operation.

    The seed comes from torch's generator, so that `torch.manual_seed`, resuming from a checkpoint
    and recomputing a layer draw the same masks.

    Args:
        rate: Dropout rate, 0 to 1.
    """

    def __init__(self, rate: float) -> None:
        self._n_dropped = min(round(rate * _LEVELS), _LEVELS - 1)
        self._random: np.random.SFC64 | None = None
        if self._n_dropped:
            self._random = np.random.SFC64(int(torch.randint(2**62, ())))

    @property
    def scale(self) -> float:
        """Factor of kept values."""
        return _LEVELS / (_LEVELS - self._n_dropped)

    def draw(self, *shape: int) -> Tensor | None:
        """Return the next mask, True for kept values; None without dropout."""
        if self._random is None:
            return None
        n_values = int(np.prod(shape))
        words = self._random.random_raw(-(-n_values // 4))
        kept = np.greater_equal(words.view(np.uint16)[:n_values], np.uint16(self._n_dropped))
        return torch.from_numpy(kept).view(shape)
