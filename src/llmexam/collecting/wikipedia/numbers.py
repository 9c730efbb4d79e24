"""Numbers and formulas in texts, to measure what a conversion loses.

A number is a run of ASCII digits with inner points and commas; commas are removed. A superscript or
subscript starts a number of its own, so that `10<sup>23</sup>` and `10²³` both hold 10 and 23.
"""

# Minus signs, dashes and multiplication signs are the subject of this module.
# ruff: noqa: RUF002

from __future__ import annotations

import re
from collections import Counter

_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_SCRIPTS = re.compile(r"[⁰¹²³⁴-⁹₀-₉]+")
_ONE_KIND = re.compile(r"[⁰¹²³⁴-⁹]+|[₀-₉]+")
_TO_ASCII = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", "01234567890123456789")


def find_numbers(text: str) -> Counter[str]:
    """Return the numbers of a text, with how often each occurs.

    >>> sorted(find_numbers("6.022 × 10²³, 1,000 H₂O"))
    ['10', '1000', '2', '23', '6.022']
    """
    if not text.isascii():
        text = _SCRIPTS.sub(_apart, text)
    return Counter(_normal(number) for number in _NUMBER.findall(text))


def _apart(match: re.Match[str]) -> str:
    """Return raised and lowered digits as numbers of their own."""
    return _ONE_KIND.sub(lambda m: f" {m[0].translate(_TO_ASCII)}", match[0])


def _normal(number: str) -> str:
    """Return a number without commas; a day such as `02` is shown as 2."""
    number = number.replace(",", "")
    return number.lstrip("0") or "0" if number[0] == "0" and number.isdigit() else number


def count_numbers(text: str) -> int:
    """Return how many numbers a text has, including names of arguments such as `1=`."""
    return len(_NUMBER.findall(re.sub(r"\|[\w\s-]*=", "|", "|" + text)))


def squeeze(formula: str) -> str:
    """Return a formula as it is compared: without white space and the layout of displays."""
    return "".join(formula.replace("\\displaystyle", "").split())


def lost_numbers(source: Counter[str], text: str) -> Counter[str]:
    """Return the numbers of the source that a text does not have, or has less often."""
    return source - find_numbers(text)


def lost_formulas(source: Counter[str], text: str) -> int:
    """Return how many formulas of the source a text does not contain.

    Args:
        source: Squeezed formulas with how often each occurs.
        text: The converted text.
    """
    if not source:
        return 0
    squeezed = squeeze(text)
    return sum(max(0, n - squeezed.count(formula)) for formula, n in source.items())
