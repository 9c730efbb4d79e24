"""Notes on how exams were read, on stderr."""

from __future__ import annotations

import logging
import sys

_LOGGER = "llmexam.exam.reading"


class _OnceHandler(logging.Handler):
    """Prints each note once, though a command may read an exam twice."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a note."""
        text = "".join(c if c.isprintable() else "\ufffd" for c in record.getMessage())
        if text not in self._seen:
            self._seen.add(text)
            print(f"note: {text}", file=sys.stderr)


def show_reading_notes() -> None:
    """Print notes of the exam readers from now on."""
    logger = logging.getLogger(_LOGGER)
    for handler in list(logger.handlers):
        if isinstance(handler, _OnceHandler):
            logger.removeHandler(handler)
    logger.addHandler(_OnceHandler())
    logger.propagate = False
