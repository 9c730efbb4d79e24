"""Budget for the time and memory of one rendering of a template.

All operations spend characters of it before they make anything, so that many small texts cost as
much as a long one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2.exceptions import SecurityError

MOST_CHARACTERS = 20_000_000
"""The most characters that all operations of a rendering make together."""
ELEMENT = 64
"""What an element of a list, or a call, costs in characters."""
_READ = 16
"""Texts are read so many times faster than they are made."""


class Budget:
    """Counts the iterations of one rendering, and the characters that its operations make.

    Args:
        n_iterations: The most iterations of all loops together.
    """

    def __init__(self, n_iterations: int) -> None:
        self._n_iterations = self._n_left = n_iterations
        self._n_characters = MOST_CHARACTERS

    def spend(self, n_characters: int) -> None:
        """Count characters that are to be made.

        Raises:
            SecurityError: There are too many.
        """
        self._n_characters -= n_characters
        if self._n_characters < 0:
            raise SecurityError(f"its texts have more than {MOST_CHARACTERS:,} characters together")

    def spend_reading(self, *values: Any) -> None:
        """Count the characters of values that are only read."""
        size = size_of(values)
        self.spend(ELEMENT + (size if size > MOST_CHARACTERS else size // _READ))

    def count(self, values: Iterable[Any]) -> Iterator[Any]:
        """Yield values, and count them.

        Raises:
            SecurityError: There were too many.
        """
        for value in values:
            self._n_left -= 1
            if self._n_left < 0:
                raise SecurityError(f"its loops have more than {self._n_iterations:,} iterations")
            yield value

    def listed(self, value: Any) -> Any:
        """Return an iterator as a list, and other values as they are."""
        if not isinstance(value, Iterator):
            return value
        found = []
        for one in value:
            self.spend(ELEMENT)
            found.append(one)
        return found

    def read(self, value: Any) -> Any:
        """Return a value that is compared."""
        self.spend_reading(value)
        return value

    def key(self, value: Any) -> Any:
        """Return a key of a mapping.

        Raises:
            SecurityError: It is a list or tuple, whose hash may take unbounded time.
        """
        if isinstance(value, list | tuple | dict):
            raise SecurityError("a key or an index is a list")
        return value

    def slice(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        """Return a part of a text or list."""
        self.spend(own_size(value))
        return value[start:stop:step]

    def join(self, values: Iterable[Any]) -> str:
        """Return the texts of values, joined: the operator `~`."""
        values = list(values)
        self.spend(size_of(values))
        return "".join(map(str, values))

    def write(self, value: Any) -> Any:
        """Return a value that is written."""
        self.spend(size_of(value))
        return value


def own_size(value: Any) -> int:
    """Return the size of a text or list, without the sizes of what the list holds."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, list | tuple | dict | set | frozenset | range):
        return ELEMENT * len(value)
    return 0


def size_of(value: Any) -> int:
    """Return the size of a value with all that it holds; not exact beyond a whole budget."""
    # A list may hold itself many times over, so that its text is longer than memory.
    size, waiting = 0, [value]
    while waiting and size <= MOST_CHARACTERS:
        one = waiting.pop()
        size += own_size(one)
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset) and size <= MOST_CHARACTERS:
            waiting += one
    return size
