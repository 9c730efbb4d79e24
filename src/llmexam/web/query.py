"""Read the state of a page from its address."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import QueryParams

_MOST_CHARACTERS = 1000
_LARGEST = 10_000_000


def text(query: QueryParams, name: str, default: str = "") -> str:
    """Return a text of the query, cut if it is too long."""
    return query.get(name, default)[:_MOST_CHARACTERS]


def texts(query: QueryParams, name: str, most: int = 50) -> tuple[str, ...]:
    """Return all texts of a name, without blank ones and repetitions."""
    found = (one[:_MOST_CHARACTERS] for one in query.getlist(name)[:most])
    return tuple(dict.fromkeys(one for one in found if one))


def flag(query: QueryParams, name: str) -> bool:
    """Return whether a box is checked."""
    return query.get(name, "") in ("1", "on", "true")


def number(query: Mapping[str, str], name: str, default: int, *, low: int = 0) -> int:
    """Return a whole number of the query, or the default where it is none."""
    given = query.get(name, "")
    if not given.isascii() or not given.isdecimal() or len(given) > 9:
        return default
    return min(max(int(given), low), _LARGEST)
