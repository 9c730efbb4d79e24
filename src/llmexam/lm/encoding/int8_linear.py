"""Linear layers in int8: weights quantised once, activations for each token alone.

A token has its own scale, so what comes out for it does not depend on the tokens beside it. All
needs no example texts: nothing is fitted to data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from llmexam.errors import ModelError
from llmexam.lm.models.precision import cpu_flags

if TYPE_CHECKING:
    from torch import Tensor

# Instructions that add products of 8 bits into 32; without them sums of 16 bits overflow.
_FAST_INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
# Just below the least value of GELU: what follows one needs no bits for less.
GELU_LOW = -0.17
# Codes below the one of 0, where inputs have a lower bound, and where they lie around 0.
_FEW, _HALF = 24, 128
_SMALLEST = 1e-12


class Int8Linear:
    """A linear layer in int8 by oneDNN; sums, scales and bias stay exact.

    Args:
        weight: Shape `[n_out, n_in]`, fp32 on the CPU; quantised with a scale for each output.
        bias: Shape `[n_out]`.
        low: Nothing that comes in is less than this; None: it lies around 0.
    """

    def __init__(self, weight: Tensor, bias: Tensor, low: float | None = None) -> None:
        self._scales = (weight.abs().amax(1) / 127).clamp_min_(_SMALLEST)
        whole = (weight / self._scales[:, None]).round_()
        self._weight = torch.ops.onednn.qlinear_prepack(whole.to(torch.int8), None)
        self._zeros = torch.zeros(len(weight), dtype=torch.int8)
        self._bias = bias
        self._low = low
        self._zero = _HALF if low is None else _FEW
        # As long as a row: torch adds a single number three times as slowly (measured). Half a
        # step more makes cutting off what is behind the point a rounding.
        self._shift = torch.full((weight.shape[1],), self._zero + 0.5)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return the product and bias, shape `[n_tokens, n_out]`."""
        codes, scales = self._quantise(hidden)
        return torch.addcmul(self._bias, self._multiply(codes), scales)

    def gelu(self, hidden: Tensor) -> Tensor:
        """Return the exact GELU of the product and bias, shape `[n_tokens, n_out]`."""
        return torch.ops.aten.gelu_(self(hidden))  # type: ignore[no-any-return]

    def add(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """Return product, bias and residual together, shape `[n_tokens, n_out]`."""
        return self(hidden).add_(residual)

    def _quantise(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes 0 to 255, and the step between two for each token, `[n_tokens, 1]`."""
        if self._low is None:
            steps = hidden.abs().amax(-1, keepdim=True).div_(127).clamp_min_(_SMALLEST)
        else:
            steps = hidden.amax(-1, keepdim=True).div_(255 - _FEW).clamp_min_(-self._low / _FEW)
        return torch.addcmul(self._shift, hidden, steps.reciprocal()).to(torch.uint8), steps

    def _multiply(self, codes: Tensor) -> Tensor:
        return torch.ops.onednn.qlinear_pointwise.default(  # type: ignore[no-any-return]
            codes,
            1.0,
            self._zero,
            self._weight,
            self._scales,
            self._zeros,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )


def require_int8() -> None:
    """Make sure that int8 is fast and right here.

    Raises:
        ModelError: The processor has no instructions for it, or torch was built without oneDNN.
    """
    if not _FAST_INT8 & cpu_flags():
        raise ModelError(
            "the CPU does not support int8 arithmetic (VNNI or AMX)",
            hint="Use precision: fp32 or auto",
        )
    if not (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.onednn, "qlinear_pointwise")
    ):
        raise ModelError(
            "this build of torch does not support int8 on the CPU",
            hint="Use precision: fp32 or auto",
        )
