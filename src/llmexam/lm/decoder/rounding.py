"""Quantisation by bitsandbytes to 8 or 4 bits, with deterministic layers on CPUs."""

from __future__ import annotations

import logging
from typing import Any, Literal

import torch

Rounded = Literal["int8", "nf4"]


def rounding_config(rounded: Rounded, dtype: torch.dtype, *, twice: bool = False) -> Any:
    """Return transformers' quantisation config.

    Args:
        rounded: The quantisation.
        dtype: Compute type.
        twice: nf4: double quantisation (QLoRA, arXiv 2305.14314, section 3).
    """
    import transformers

    config: Any = transformers.BitsAndBytesConfig
    if rounded == "int8":
        return config(load_in_8bit=True)
    return config(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=twice,
        bnb_4bit_compute_dtype=dtype,
    )


def keep_products_plain(model: Any) -> None:
    """Make quantised layers on a CPU multiply by their dequantised weights.

    In inference, bitsandbytes 0.50 also quantises the inputs of 8-bit layers, so scores depend on
    the batch. It also repacks 4-bit weights at the first inference pass, for a kernel that has
    no gradients, supports only bf16, fails for widths that are not a multiple of 64, and is
    slower for many tokens. Dequantising weights for each product avoids all of this.

    Args:
        model: Any module; other layers and layers on other devices are unchanged.
    """
    # bitsandbytes warns in every product, which makes thousands of lines.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    for module in model.modules():
        if getattr(getattr(module, "weight", None), "device", None) != torch.device("cpu"):
            continue
        if type(module).__name__ == "Linear4bit":
            module.support_avx512bf16_for_cpu = False
        elif type(module).__name__ == "Linear8bitLt":
            module.register_forward_pre_hook(_as_in_training)


def _as_in_training(module: Any, args: Any) -> None:
    """Select the training path, the plain product; the layer has no other use of the flag."""
    module.training = True
