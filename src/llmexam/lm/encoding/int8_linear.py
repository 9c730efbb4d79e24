"""Weights in int8 with one scale per output, and what int8 needs of processor and torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from llmexam.errors import ModelError
from llmexam.lm.models.precision import has_wide_sums

if TYPE_CHECKING:
    from torch import Tensor

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
