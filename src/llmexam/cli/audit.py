"""`llmexam audit`."""

from __future__ import annotations


def audit() -> None:
    """Not written yet."""
    raise NotImplementedError
