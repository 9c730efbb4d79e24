"""`llmexam ensemble`."""

from __future__ import annotations


def ensemble() -> None:
    """Not written yet."""
    raise NotImplementedError
