"""How a check says which law does not hold."""

from __future__ import annotations


def require(holds: bool, law: str) -> None:
    """Raise if a law does not hold.

    Raises:
        AssertionError: It does not; the text says what was expected.
    """
    if not holds:
        raise AssertionError(law)
