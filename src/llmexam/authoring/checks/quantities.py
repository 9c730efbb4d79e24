"""Quantities that are equal after conversion of units or rounding."""

from __future__ import annotations

import math
from functools import lru_cache

from llmexam.exam.audit.flaws.reading import number_of

# Unit to (dimension, factor). Only units whose names are clear without context.
_UNITS: dict[str, tuple[str, float]] = {
    **{f"{p}m": ("length", f) for p, f in (("n", 1e-9), ("µ", 1e-6), ("μ", 1e-6), ("m", 1e-3))},
    **{"cm": ("length", 1e-2), "m": ("length", 1.0), "km": ("length", 1e3)},
    **{"mile": ("length", 1609.344), "inch": ("length", 0.0254)},
    **{"foot": ("length", 0.3048), "feet": ("length", 0.3048), "ft": ("length", 0.3048)},
    **{"mg": ("mass", 1e-6), "g": ("mass", 1e-3), "kg": ("mass", 1.0), "tonne": ("mass", 1e3)},
    **{"gram": ("mass", 1e-3), "kilogram": ("mass", 1.0), "pound": ("mass", 0.45359237)},
    **{"ms": ("time", 1e-3), "s": ("time", 1.0), "second": ("time", 1.0), "min": ("time", 60.0)},
    **{"minute": ("time", 60.0), "h": ("time", 3600.0), "hour": ("time", 3600.0)},
    **{"day": ("time", 86400.0), "week": ("time", 604800.0)},
    **{"meter": ("length", 1.0), "metre": ("length", 1.0), "centimeter": ("length", 1e-2)},
    **{"kilometer": ("length", 1e3), "kilometre": ("length", 1e3)},
    **{"ml": ("volume", 1e-3), "l": ("volume", 1.0), "liter": ("volume", 1.0)},
    **{"litre": ("volume", 1.0), "%": ("share", 0.01), "percent": ("share", 0.01)},
}
_WORDS = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
}


@lru_cache(1 << 14)
def quantity_of(text: str) -> tuple[float, str] | None:
    """Return value and dimension of a quantity; the unit itself where it is not known.

    >>> quantity_of("2 km") == quantity_of("2,000 metres")
    True
    >>> quantity_of("two hours") == quantity_of("120 minutes")
    True
    """
    first, _, rest = text.strip().partition(" ")
    number = number_of(" ".join((_WORDS.get(first.casefold(), first), rest)))
    if number is None:
        return None
    value, unit = number
    known = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
    return (value, unit) if known is None else (value * known[1], known[0])


def equal_quantities(a: str, b: str, tolerance: float) -> bool:
    """Return whether two texts are quantities that differ by at most a relative tolerance."""
    first, second = quantity_of(a), quantity_of(b)
    if first is None or second is None or first[1] != second[1]:
        return False
    return math.isclose(first[0], second[0], rel_tol=max(tolerance, 1e-9))
