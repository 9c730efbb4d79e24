"""Shared by `llmexam audit --items` and `llmexam author report`: analyse, print and write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from llmexam.exam.parsers.options import ExamSource


def report_items(
    exams: Sequence[Path | ExamSource],
    *,
    answers: Sequence[Path],
    solvers: Sequence[str],
    sample: int,
    report: Path | None,
    as_json: bool,
    n_suspects: int = 10,
    **options: Any,
) -> bool:
    """Analyse the questions of exams, print the result, and write the page.

    Args:
        exams: The files.
        answers: Files of solvers' answers.
        solvers: Names of solvers that answer the exams.
        sample: Questions of an exam that they answer; 0 for all.
        report: File of the HTML page, or None.
        as_json: Print JSON instead of tables.
        n_suspects: Suspect keys that are listed.
        options: Further arguments of the analysis.

    Returns:
        Whether the audits found nothing worse than a note.
    """
    from llmexam.cli.console import plain_console
    from llmexam.cli.progress import stage_progress
    from llmexam.report.items.page import items_page
    from llmexam.report.items.tables import item_tables
    from llmexam.report.terminal_parts import show
    from llmexam.storage.atomic import require_writable, write_text
    from llmexam.workflows.items.report import analyse_items

    if report is not None:
        # Before the work, which would be lost.
        require_writable(report)
    with stage_progress(plain_console(stderr=True)) as progress:
        found = analyse_items(
            exams, answers=answers, solvers=solvers, sample=sample, progress=progress, **options
        )
    if report is not None:
        write_text(report, items_page(found))
    if as_json:
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        show(plain_console(), item_tables(found, n_suspects=n_suspects))
        if report is not None:
            typer.echo(f"\nreport: {report}")
    return all(exam.audit.is_clean for exam in found.exams)
