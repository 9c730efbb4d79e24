"""Values of logs as numbers, texts and orders."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def number_of(value: Any) -> float | None:
    """Return a finite number that a log wrote as number, truth value or text, else None.

    >>> number_of("-1.5"), number_of(True), number_of("high")
    (-1.5, 1.0, None)
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool | int | float):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return None


def order_of(scores: Sequence[float]) -> tuple[int, ...]:
    """Return the places of scores, highest first; equal ones in their order.

    >>> order_of([0.1, 0.9, 0.1])
    (1, 0, 2)
    """
    return tuple(sorted(range(len(scores)), key=lambda place: -scores[place]))


def text_or_json(value: Any) -> str:
    """Return a text unchanged, and anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def mapping_of(value: Any) -> Mapping[str, Any]:
    """Return an object unchanged, and an empty one for anything else that a log holds there."""
    return value if isinstance(value, Mapping) else _NOTHING


def list_of(value: Any) -> Sequence[Any]:
    """Return a list unchanged, and an empty one for anything else that a log holds there."""
    return value if isinstance(value, list) else ()
