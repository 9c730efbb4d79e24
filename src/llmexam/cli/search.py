"""`llmexam search`."""

from __future__ import annotations


def search() -> None:
    """Not written yet."""
    raise NotImplementedError
