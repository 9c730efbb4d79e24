"""Weights rounded by bitsandbytes to 8 or 4 bits, and its layers kept to what they should do."""

from __future__ import annotations

import logging
from typing import Any, Literal

import torch

Rounded = Literal["int8", "nf4"]


def rounding_config(rounded: Rounded, dtype: torch.dtype, *, twice: bool = False) -> Any:
    """Return how transformers is to round weights as it reads them.

    Args:
        rounded: To what.
        dtype: The type of the arithmetic.
        twice: nf4: round the scales of the blocks, too (QLoRA: arXiv 2305.14314, section 3).
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
    """Make rounded layers on a CPU multiply by their weights as these are, and nothing else.

    Left alone, bitsandbytes 0.50 rounds the inputs of 8-bit layers, too, outside of training, so
    that scores depend on the batch. It also puts 4-bit weights into another form at the first
    pass outside of training, for a kernel that has no gradients, knows bf16 alone, fails for
    widths that are no multiple of 64, and is slower for many tokens. Weights that are made
    numbers again for each product have none of this.

    Args:
        model: Any module; layers of other kinds and on other devices stay as they are.
    """
    # Told once a product, which makes thousands of lines.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    for module in model.modules():
        if getattr(getattr(module, "weight", None), "device", None) != torch.device("cpu"):
            continue
        if type(module).__name__ == "Linear4bit":
            module.support_avx512bf16_for_cpu = False
        elif type(module).__name__ == "Linear8bitLt":
            module.register_forward_pre_hook(_as_in_training)


def _as_in_training(module: Any, args: Any) -> None:
    """Choose the plain product; nothing else in the layer depends on it."""
    module.training = True
