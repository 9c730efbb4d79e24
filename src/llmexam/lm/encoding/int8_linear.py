"""Linear layers in int8: static weight quantisation, dynamic quantisation per token.

Each token has its own scale, so its output does not depend on other tokens. No calibration data
is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from llmexam.errors import ModelError
from llmexam.lm.models.precision import cpu_flags

if TYPE_CHECKING:
    from torch import Tensor

# Instructions with 32-bit accumulators; without them 16-bit sums of 8-bit products overflow.
_FAST_INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
# Just below GELU's minimum: the lower bound of inputs after a GELU.
GELU_LOW = -0.17
# Zero points: number of codes below 0, for inputs with this bound and for symmetric inputs.
_FEW, _HALF = 24, 128
_SMALLEST = 1e-12


class Int8Weight:
    """A weight in int8, packed for oneDNN, with one scale per output.

    Args:
        weight: Shape `[n_out, n_in]`, fp32 on the CPU.
        largest: Largest code: 127, or 63 where 16-bit sums of products would overflow.
    """

    def __init__(self, weight: Tensor, largest: int = 127) -> None:
        self._scales = (weight.abs().amax(1) / largest).clamp_min_(_SMALLEST)
        codes = (weight / self._scales[:, None]).round_()
        self._packed = torch.ops.onednn.qlinear_prepack(codes.to(torch.int8), None)
        self._zeros = torch.zeros(len(weight), dtype=torch.int8)

    def product(self, codes: Tensor, zero: int) -> Tensor:
        """Return the product with inputs in units of their step, shape `[n_tokens, n_out]`.

        Args:
            codes: Inputs as uint8, shape `[n_tokens, n_in]`.
            zero: The code of 0.
        """
        return torch.ops.onednn.qlinear_pointwise.default(  # type: ignore[no-any-return]
            codes,
            1.0,
            zero,
            self._packed,
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


class Int8Linear:
    """A linear layer in int8 by oneDNN; accumulation, scales and bias are not quantised.

    Args:
        weight: Shape `[n_out, n_in]`, fp32 on the CPU; quantised with one scale per output.
        bias: Shape `[n_out]`.
        low: Lower bound of the inputs; None for inputs around 0.
    """

    def __init__(self, weight: Tensor, bias: Tensor, low: float | None = None) -> None:
        self._weight = Int8Weight(weight)
        self._bias = bias
        self._low = low
        self._zero = _HALF if low is None else _FEW
        # A full row, because torch adds a scalar three times as slowly (measured). The extra
        # half step turns the truncation of the integer conversion into rounding.
        self._shift = torch.full((weight.shape[1],), self._zero + 0.5)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return the product and bias, shape `[n_tokens, n_out]`."""
        codes, scales = self._quantise(hidden)
        return torch.addcmul(self._bias, self._weight.product(codes, self._zero), scales)

    def gelu(self, hidden: Tensor) -> Tensor:
        """Return the exact GELU of the product and bias, shape `[n_tokens, n_out]`."""
        return torch.ops.aten.gelu_(self(hidden))  # type: ignore[no-any-return]

    def add(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """Return product, bias and residual together, shape `[n_tokens, n_out]`."""
        return self(hidden).add_(residual)

    def _quantise(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes 0 to 255, and the quantisation step of each token, `[n_tokens, 1]`."""
        if self._low is None:
            steps = hidden.abs().amax(-1, keepdim=True).div_(127).clamp_min_(_SMALLEST)
        else:
            steps = hidden.amax(-1, keepdim=True).div_(255 - _FEW).clamp_min_(-self._low / _FEW)
        return torch.addcmul(self._shift, hidden, steps.reciprocal()).to(torch.uint8), steps


def require_int8() -> None:
    """Check that this machine computes int8 fast and correctly.

    Raises:
        ModelError: The processor lacks the instructions, or torch was built without oneDNN.
    """
    if not has_wide_sums():
        raise ModelError(
            "the CPU does not support int8 arithmetic (VNNI or AMX)",
            hint="Use precision: fp32 or auto",
        )
    require_onednn()


def has_wide_sums() -> bool:
    """Return whether the processor adds products of 8 bits without 16-bit overflow."""
    return bool(_FAST_INT8 & cpu_flags())


def require_onednn() -> None:
    """Check that torch was built with the int8 operators of oneDNN.

    Raises:
        ModelError: It was not.
    """
    if not (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.onednn, "qlinear_pointwise")
    ):
        raise ModelError(
            "this build of torch does not support int8 on the CPU",
            hint="Use precision: fp32 or auto",
        )
