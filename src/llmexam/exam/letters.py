"""Conversion between option indices and letters: 0 is A, 1 is B, and so on to Z."""

from __future__ import annotations

from string import ascii_uppercase

from llmexam.errors import ExamError

MAX_OPTIONS = len(ascii_uppercase)
MIN_OPTIONS = 2


def letter_of(index: int) -> str:
    """Return the letter of an option index.

    >>> letter_of(2)
    'C'

    Raises:
        ExamError: The index is not in 0..25.
    """
    if not 0 <= index < MAX_OPTIONS:
        raise ExamError(
            f"expected an option index from 0 to 25, got {index}", hint="Use at most 26 options"
        )
    return ascii_uppercase[index]


def index_of(letter: str, n_options: int = MAX_OPTIONS) -> int:
    """Return the option index of a letter in upper or lower case.

    >>> index_of("c")
    2

    Raises:
        ExamError: The text is not one letter among the first `n_options`.
    """
    face = letter.strip().upper()
    if len(face) != 1 or face not in ascii_uppercase[:n_options]:
        raise ExamError(f"expected a letter of A-{ascii_uppercase[n_options - 1]}, got '{letter}'")
    return ascii_uppercase.index(face)
