"""Assertions of contract checks."""

from __future__ import annotations


def require(holds: bool, law: str) -> None:
    """Raise an AssertionError if a condition does not hold.

    Raises:
        AssertionError: It does not; the text says what was expected.
    """
    if not holds:
        raise AssertionError(law)
