"""Consoles that print strings unchanged, but for control characters."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from llmexam.cli.streams import unescaped

if TYPE_CHECKING:
    from rich.console import Console

DIRECTIONS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
"""Characters that turn the direction of text, and so let a name look like another."""


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console that prints strings unchanged, but for control characters.

    rich would take `[encoders]` in a title, a file name or an error for markup and drop it, and
    replace `:smile:` by a symbol. Styles are given with `rich.text.Text` instead.
    """
    stream = unescaped(sys.stderr if stderr else sys.stdout)
    console: Console = _console_class()(
        file=stream, stderr=stderr, markup=False, emoji=False, highlight=False
    )
    return console


@cache
def _console_class() -> Any:
    from rich.console import Console
    from rich.segment import Segment

    from llmexam.report.formats import printable

    class PlainConsole(Console):
        """Replaces control characters in whatever is printed."""

        def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                is_text = not segment.control and not segment.text.isprintable()
                if is_text:
                    text = printable(segment.text).translate(DIRECTIONS)
                    segment = segment._replace(text=text)
                yield segment

    return PlainConsole
