"""Sizes in bytes, as people write and read them."""

from __future__ import annotations

import re

from llmexam.errors import SettingsError

_UNITS = {"": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def parse_bytes(text: str) -> int | None:
    """Return a size in bytes; `none` is None.

    >>> parse_bytes("13GB"), parse_bytes("512 mb"), parse_bytes("none")
    (13000000000, 512000000, None)

    Raises:
        SettingsError: It is not a size.
    """
    if text.strip().lower() == "none":
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B|)", text.strip().upper())
    n_bytes = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if n_bytes <= 0:
        raise SettingsError(f"expected a size such as 13GB, got '{text}'")
    return n_bytes


def show_bytes(n_bytes: int) -> str:
    """Return a size with its unit.

    >>> show_bytes(0), show_bytes(1234), show_bytes(90_868_373)
    ('0 kB', '1 kB', '90.9 MB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"
