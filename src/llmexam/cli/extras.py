"""Name the extra that a command needs where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llmexam.errors import MissingDependencyError


@contextmanager
def needing_serve(feature: str) -> Iterator[None]:
    """Import the modules of a server inside.

    Args:
        feature: What needs them, for the error.

    Raises:
        MissingDependencyError: A package of the extra `serve` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = error.name or ""
        if name.startswith("llmexam"):
            raise
        raise MissingDependencyError(feature, name, "serve") from None
