"""Quantities that are equal after conversion of units or rounding."""

from __future__ import annotations

import math
import re
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
_FIGURES = re.compile(r"(\d+)(?:\.(\d+))?")
_WORDS = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
}


_MIN_DIGITS = 2


@lru_cache(1 << 14)
def number_with_unit(text: str) -> tuple[float, str] | None:
    """Return number and unit of a text; number words up to ten count.

    >>> number_with_unit("two hours")
    (2.0, 'hours')
    """
    first, _, rest = text.strip().partition(" ")
    return number_of(" ".join((_WORDS.get(first.casefold(), first), rest)))


def equal_quantities(a: str, b: str, tolerance: float) -> bool:
    """Return whether two texts are the same quantity.

    With one unit, one number must be the other one rounded to fewer decimals: "3.14" and "3.1416",
    but not "1987" and "1988". With different units of one dimension they may differ by a tolerance.

    Args:
        a: A text.
        b: Another one.
        tolerance: Relative difference after conversion of units.

    >>> equal_quantities("2 km", "2,000 metres", 0.005), equal_quantities("2 km", "2 kg", 0.005)
    (True, False)
    """
    first, second = number_with_unit(a), number_with_unit(b)
    if first is None or second is None:
        return False
    if first[1].removesuffix("s") == second[1].removesuffix("s"):
        return _rounds_to(a, first[0], b, second[0]) or _rounds_to(b, second[0], a, first[0])
    one, other = _converted(*first), _converted(*second)
    if one is None or other is None or one[1] != other[1]:
        return False
    return math.isclose(one[0], other[0], rel_tol=max(tolerance, 1e-9))


def _converted(value: float, unit: str) -> tuple[float, str] | None:
    """Return value in the base unit and dimension, or None for unknown units."""
    known = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
    return None if known is None else (value * known[1], known[0])


def _rounds_to(exact: str, value: float, rounded: str, target: float) -> bool:
    """Return whether a number is equal to another one, or is rounded to it."""
    if value == target:
        return True
    n_decimals, n_digits = _decimals(rounded)
    # Rounding to one digit would make "3" and "3.4" equal, which are different answers.
    if n_digits < _MIN_DIGITS or n_decimals == 0 or n_decimals >= _decimals(exact)[0]:
        return False
    return math.isclose(round(value, n_decimals), target)


def _decimals(text: str) -> tuple[int, int]:
    """Return the numbers of decimals and of digits of a number."""
    found = _FIGURES.search(text.replace(",", ""))
    if found is None:
        return 0, 0
    return len(found[2] or ""), len(found[1]) + len(found[2] or "")
