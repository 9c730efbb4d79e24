"""Checks of the numbers in a model's config, before a library allocates memory by them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import ModelError

_COUNT = re.compile(
    r"(num|n)_[a-z_]+|(hidden|intermediate|vocab|embedding|type_vocab|encoder_ffn|decoder_ffn)_size"
    r"|d_(model|ff|kv|inner)|(encoder|decoder)_(layers|ffn_dim|attention_heads)"
    r"|max_position_embeddings|head_dim|dim|hidden_dim"
)
_LAYERS = re.compile(r"num_(hidden_)?layers|n_layers?|(num_)?(encoder|decoder)_layers")
_MOST_LAYERS = 2000
_LARGEST = 1_000_000_000
# 400 GB of 32-bit numbers in one matrix; the largest models have less than 1 % of it.
_LARGEST_MATRIX = 100_000_000_000


def check_config_values(config: Mapping[str, Any], file: Path) -> None:
    """Check that counts and sizes are whole numbers that a model can have.

    Args:
        config: The content of `config.json`.
        file: The file, for error messages.

    Raises:
        ModelError: One is not; the error names the key.
    """
    for key, value in _numbers(config):
        largest = _MOST_LAYERS if _LAYERS.fullmatch(key) else _LARGEST
        if (isinstance(value, float) and not value.is_integer()) or abs(value) > largest:
            raise ModelError(
                f"expected a whole number of at most {largest:,}, got {value!r:.40}",
                file=file,
                field=key,
            )
    sizes = [config.get(name) for name in ("vocab_size", "intermediate_size")]
    width = config.get("hidden_size")
    for size in sizes:
        if isinstance(size, int) and isinstance(width, int) and size * width > _LARGEST_MATRIX:
            raise ModelError(
                f"a matrix of {size:,} x {width:,} numbers fits into no memory",
                file=file,
                field="hidden_size",
            )


def _numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, int | float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value)
        elif (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and _COUNT.fullmatch(str(key))
        ):
            yield str(key), value
