"""`llmexam author report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llmexam.cli.items import report_items


def report(
    questions: Annotated[
        list[Path],
        typer.Argument(help="Question sets or exams, one column each.", show_default=False),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="HTML page to write.", show_default=False)
    ] = None,
    answers: Annotated[
        list[Path] | None,
        typer.Option(
            help="Answers of a solver (score file, submission or run folder). Repeatable.",
            show_default=False,
        ),
    ] = None,
    solver: Annotated[
        list[str] | None,
        typer.Option(
            help="Let this solver answer, with several settings. Repeatable. Default without "
            "--answers: lexical, bi-encoder and longest.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        int,
        typer.Option(min=0, help="Number of questions that --solver answers; 0 for all."),
    ] = 1_000,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Exam that should share no question with these. Repeatable.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report on question sets: yields of filters, difficulty, discrimination, flaws, duplicates.

    The yields are read from `QUESTIONS.report.json`, which is written with a question set. The same
    report of any exam is written by `llmexam audit --items`.

    Example: llmexam author report questions.jsonl exam.csv --out report.html
    """
    report_items(
        questions,
        answers=answers or (),
        solvers=solver or (),
        sample=sample,
        report=out,
        as_json=as_json,
        against=against or (),
        seed=seed,
    )
