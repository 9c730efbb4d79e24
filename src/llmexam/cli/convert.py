"""`llmexam convert`."""

from __future__ import annotations


def convert() -> None:
    """Not written yet."""
    raise NotImplementedError
