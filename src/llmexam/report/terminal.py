"""The report in short, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from llmexam.report.content import ReportContent
from llmexam.report.sections.registry import SECTIONS
from llmexam.report.sections.section import ReportData, Section


def print_report(
    content: ReportContent, console: Console, sections: Sequence[Section[Any]] = SECTIONS
) -> None:
    """Print what each section has for the terminal, in order.

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
