"""Durations as people write them, such as 9h and 1h30m."""

from __future__ import annotations

import math
import re

from llmexam.errors import SettingsError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PART = r"(\d+(?:\.\d+)?)([hms])"


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    >>> parse_duration("9h"), parse_duration("1h30m"), parse_duration("90"), parse_duration("0.5m")
    (32400.0, 5400.0, 90.0, 30.0)

    Raises:
        SettingsError: It is none.
    """
    plain = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        plain += "s"
    seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, plain))
    if not re.fullmatch(f"(?:{_PART})+", plain) or not 0 < seconds < math.inf:
        raise SettingsError(
            f"expected a duration, got '{text}'", hint="Write, for example, 9h, 1h30m, 45m or 90s"
        )
    return seconds


def clock_face(seconds: float) -> str:
    """Return a duration in a readable format.

    >>> clock_face(2.04), clock_face(75), clock_face(3725)
    ('2.0 s', '1:15 min', '1:02:05 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"
