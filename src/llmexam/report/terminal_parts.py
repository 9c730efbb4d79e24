"""Texts and tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from llmexam.report.formats import printable


def plain_text(text: str, style: str = "") -> Text:
    """Return a text without markup, because names and messages may contain brackets."""
    return Text(printable(text), style=style)


def show(console: Console, parts: Sequence[RenderableType]) -> None:
    """Print tables and texts; long texts are wrapped by the terminal, not by us."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def text_table(title: str, names: str, *numbers: str) -> Table:
    """Return a table with a column of names, and columns of numbers that are never wrapped."""
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        header_style="dim",
        pad_edge=False,
    )
    table.add_column(names, overflow="fold", min_width=10)
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table
