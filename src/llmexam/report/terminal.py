"""The short report on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from llmexam.report.content import RunContent
from llmexam.report.sections.registry import CHOICE_SECTIONS
from llmexam.report.sections.section import ReportData, Section


def print_report(
    content: RunContent, console: Console, sections: Sequence[Section[Any]] = CHOICE_SECTIONS
) -> None:
    """Print the terminal output of each section, in order.

    Args:
        content: What to show.
        console: Where to print it.
        sections: The sections.

    Raises:
        ScoreError: The scores of a solver are not those of the exam's questions.
    """
    data = ReportData(content)
    for section in sections:
        if section.summary is None or (view := section.view(data)) is None:
            continue
        if (shown := section.summary(view)) is not None:
            console.print(shown)
