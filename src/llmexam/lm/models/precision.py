"""Selection of the number type."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16", "int8"]

INT8_VERSION = "int8-static-1"
"""Name of the int8 arithmetic of encoders in fingerprints; vectors of another version differ."""

# Instructions for bf16 products: twice as fast as fp32 (AVX-512) or six times (AMX).
_FAST_BF16 = frozenset({"avx512_bf16", "amx_bf16"})


def choose_dtype(precision: Literal["auto", "fp32", "bf16"], device: torch.device) -> torch.dtype:
    """Return the torch type for a precision; `auto` is bf16 on machines with fast bf16."""
    import torch

    if precision == "auto":
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported()
        else:
            library = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
            fast = bool(library and _FAST_BF16 & cpu_flags())
        precision = "bf16" if fast else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def name_of(precision: Literal["auto", "fp32", "bf16", "int8"], dtype: torch.dtype) -> Precision:
    """Return the precision that was chosen, from the requested one and the torch type."""
    import torch

    if precision == "int8":
        return "int8"
    return "bf16" if dtype == torch.bfloat16 else "fp32"


# Instructions with 32-bit accumulators; without them 16-bit sums of 8-bit products overflow.
_FAST_INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def has_wide_sums() -> bool:
    """Return whether the processor adds products of 8 bits without 16-bit overflow."""
    return bool(_FAST_INT8 & cpu_flags())


def supports_int8() -> bool:
    """Return whether encoders can run in int8 on this processor with this build of torch."""
    import torch

    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_wide_sums() and available and hasattr(torch.ops.onednn, "qlinear_pointwise")


@cache
def cpu_flags() -> frozenset[str]:
    """Return the instruction sets of this processor as Linux names them; empty elsewhere.

    Without AVX-512 or AMX for it, bf16 is emulated and slower than fp32, so an unknown
    processor is treated as one without.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    return next(
        (frozenset(line.partition(":")[2].split()) for line in lines if line.startswith("flags")),
        frozenset(),
    )
