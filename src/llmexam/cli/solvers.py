"""`llmexam solvers`."""

from __future__ import annotations


def solvers() -> None:
    """Not written yet."""
    raise NotImplementedError
