"""Formatting of numbers, durations and texts, shared by terminal and HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llmexam.evaluation.results import Estimate

MISSING = "\N{EN DASH}"
DIGITS = 4
_MINUS = "\N{MINUS SIGN}"
_ELLIPSIS = "…"
# Other control characters than tab and newline would break HTML or control the terminal, so they
# become the replacement character.
_CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\t\n\r\f"
} | {0x0C: " ", 0x0D: "\n"}


def fixed(value: float | None, digits: int = DIGITS) -> str:
    """Return a number with a fixed number of decimals, or a dash for None.

    >>> fixed(0.91249), fixed(-0.00001), fixed(None) == MISSING
    ('0.9125', '0.0000', True)
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", _MINUS)


def signed(value: float, digits: int = DIGITS) -> str:
    r"""Return a difference with its sign.

    >>> signed(0.0214), signed(-0.5, 1) == "\N{MINUS SIGN}0.5", signed(0.0)
    ('+0.0214', True, '0.0000')
    """
    text = fixed(value, digits)
    if not math.isfinite(value) or text.startswith(_MINUS) or float(text) == 0:
        return text
    return f"+{text}"


def interval(estimate: Estimate, *, with_sign: bool = False) -> str:
    """Return the ends of an interval.

    >>> interval(Estimate(value=0.9, low=0.85, high=0.94))
    '0.8500 to 0.9400'
    """
    write = signed if with_sign else fixed
    return f"{write(estimate.low)} to {write(estimate.high)}"


def percent(share: float, digits: int = 0) -> str:
    """Return a share as a percentage.

    >>> percent(0.95), percent(0.1234, 1)
    ('95 %', '12.3 %')
    """
    return f"{share * 100:.{digits}f} %"


def p_value(value: float) -> str:
    """Return a p-value, or "< 0.001" if it is smaller.

    >>> p_value(0.0341), p_value(0.00002)
    ('0.034', '< 0.001')
    """
    return "< 0.001" if value < 0.001 else fixed(value, 3)


def capital(text: str) -> str:
    """Return a text with its first letter in upper case.

    >>> capital("accuracy@3"), capital("MAP@3")
    ('Accuracy@3', 'MAP@3')
    """
    return text[:1].upper() + text[1:]


def count(number: int) -> str:
    """Return a count with commas between thousands.

    >>> count(12345)
    '12,345'
    """
    return f"{number:,}"


def duration(seconds: float) -> str:
    """Return a duration in a suitable unit.

    >>> duration(0.0042), duration(3.21), duration(192), duration(7384)
    ('4 ms', '3.2 s', '3 min 12 s', '2 h 3 min')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(megabytes: float) -> str:
    """Return an amount of memory, from MB of 10^6 bytes.

    >>> memory(412.3), memory(2345)
    ('412 MB', '2.3 GB')
    """
    return f"{megabytes:.0f} MB" if megabytes < 999.5 else f"{megabytes / 1000:.1f} GB"


def ordinal(rank: int) -> str:
    """Return a rank as an ordinal number.

    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    tail = "th" if 10 <= rank % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{tail}"


def listing(parts: Sequence[str], limit: int = 12) -> str:
    """Return an enumeration as text, limited to `limit` parts.

    >>> listing(["3", "7", "9"]), listing(["3", "7", "9"], limit=1)
    ('3, 7 and 9', '3 and 2 more')
    """
    if len(parts) > limit:
        return f"{', '.join(parts[:limit])} and {count(len(parts) - limit)} more"
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def clip(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, cut at a space where one is near the end.

    >>> clip("the quick brown fox", 12), clip("short", 12)
    ('the quick…', 'short')
    """
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ", limit * 2 // 3)
    return (head[:space] if space > 0 else head).rstrip() + _ELLIPSIS


def printable(text: str) -> str:
    r"""Return a text without control characters and lone surrogates.

    >>> printable("a\x1b[31mb\x00"), printable("\ud800")
    ('a\ufffd[31mb\ufffd', '?')
    """
    return text.translate(_CONTROLS).encode("utf-8", "replace").decode("utf-8")
