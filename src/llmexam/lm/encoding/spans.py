"""Layout of concatenated sequences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


class Spans:
    """Layout of concatenated sequences.

    Attributes:
        lengths: Tokens of each sequence.
        runs: Runs of neighbours with equal length: length and number.
        firsts: Index of each first token, shape `[n_sequences]`.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        self.lengths = list(lengths)
        self.runs = [(n, len(list(group))) for n, group in groupby(self.lengths)]
        starts = accumulate(self.lengths[:-1], initial=0)
        self.firsts = torch.tensor(list(starts), device=device)

    def positions(self) -> Tensor:
        """Return each token's position within its sequence, shape `[n_tokens]`."""
        device = self.firsts.device
        return torch.cat([torch.arange(n, device=device).repeat(c) for n, c in self.runs])

    def places(self, width: int) -> Tensor:
        """Return each token's index in a flattened matrix with `width` columns per sequence."""
        device = self.firsts.device
        return torch.cat(
            [torch.arange(n, device=device) + i * width for i, n in enumerate(self.lengths)]
        )
