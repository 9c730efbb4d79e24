"""Addresses of pages, as the server has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode

State = Mapping[str, object]
"""Names and values of a query; empty values are left out."""


class Links(Protocol):
    """Addresses of the pages, for templates; the server and the static copy have their own."""

    is_static: bool

    def page(self, name: str, state: State | None = None) -> str:
        """Return the address of a page, such as `compare`; the list of runs has the name ""."""
        ...

    def static(self, name: str) -> str:
        """Return the address of a style sheet or script."""
        ...

    def data(self, run: str) -> str:
        """Return the address of the script with all items of a run; of the static copy alone."""
        ...


class ServedLinks:
    """Addresses of the server: `/NAME?QUERY`."""

    is_static = False

    def page(self, name: str, state: State | None = None) -> str:
        """Return the address of a page."""
        query = query_of(state or {})
        return f"/{name}?{query}" if query else f"/{name}"

    def static(self, name: str) -> str:
        """Return the address of a style sheet or script."""
        return f"/static/{name}"

    def data(self, run: str) -> str:
        """Return the address of the same as JSON."""
        return f"/api/questions?{query_of({'run': run})}"


def query_of(state: State) -> str:
    """Return a query string, without names whose value is None, False or empty.

    >>> query_of({"run": "week 1/a", "wrong": False, "page": 2})
    'run=week+1%2Fa&page=2'
    """
    pairs: list[tuple[str, object]] = []
    for name, value in state.items():
        values = value if isinstance(value, list | tuple) else (value,)
        pairs += [(name, "1" if one is True else one) for one in values if one not in (None, "")]
    # False equals 0, which is a value.
    return urlencode([(name, one) for name, one in pairs if one is not False])
