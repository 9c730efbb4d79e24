"""`llmexam index`."""

from __future__ import annotations


def index() -> None:
    """Not written yet."""
    raise NotImplementedError
