"""Pages of long lists."""

from __future__ import annotations

from dataclasses import dataclass

PER_PAGE = 50


@dataclass(frozen=True)
class Pages:
    """A page of a list.

    Attributes:
        number: Number of the page, from 1.
        n_pages: How many there are.
        begin: Place of its first item.
        end: Place behind its last one.
    """

    number: int
    n_pages: int
    begin: int
    end: int

    @classmethod
    def of(cls, n: int, number: int, per_page: int = PER_PAGE) -> Pages:
        """Return a page of a list of n items; one beyond the last is the last."""
        n_pages = max(1, -(-n // per_page))
        number = min(max(number, 1), n_pages)
        return cls(number, n_pages, (number - 1) * per_page, min(number * per_page, n))
