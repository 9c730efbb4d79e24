"""`llmexam compare`."""

from __future__ import annotations


def compare() -> None:
    """Not written yet."""
    raise NotImplementedError
