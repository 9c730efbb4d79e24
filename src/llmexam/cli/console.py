"""Consoles that print text as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console that prints strings unchanged.

    rich would take `[encoders]` in a title, a file name or an error for markup and drop it, and
    replace `:smile:` by a symbol. Styles are given with `rich.text.Text` instead.
    """
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)
