"""Sizes of the parts in which a stage keeps its results."""

from __future__ import annotations

FIRST_PART = 4
"""Items in each of the first two parts; the first may include loading a model."""
PART_SECONDS = 4.0
"""How long a part should take."""


def next_size(size: int, n: int, seconds: float) -> int:
    """Return how many items the next part should have, so that it takes `PART_SECONDS`.

    It is at most four times as large as the one before, because the time of a small part says
    little.

    Args:
        size: Planned size of the part before.
        n: Items that it had; fewer if it was the last of them.
        seconds: How long it took.

    >>> next_size(4, 4, 2.0), next_size(4, 4, 0.1), next_size(8, 8, 320.0)
    (8, 16, 1)
    """
    return max(1, min(4 * size, round(n * PART_SECONDS / max(seconds, 1e-3))))
