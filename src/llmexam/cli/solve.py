"""`llmexam solve`."""

from __future__ import annotations


def solve() -> None:
    """Not written yet."""
    raise NotImplementedError
