"""`llmexam convert`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def convert(
    exam: Annotated[
        Path, typer.Argument(help="File with the questions, or `bundled`.", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(help="File to write.", show_default=False)],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Form to write: kaggle, jsonl, alpaca or long (a row an option, for training); "
            "taken from the suffix of OUT (.csv, .jsonl, .json) if not given.",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="Form of the exam file; found out if not given."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Shares of parts: 0.7,0.15,0.15 (train, dev, test), 0.8,0.2 (train, test) or "
            "train=0.9,test=0.1. Writes OUT-train and so on.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", help="Number of folds. Writes OUT-fold1, OUT-fold2 and so on."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the dealing.")] = 0,
    stratify: Annotated[
        str,
        typer.Option(
            "--stratify",
            help="'answer' or a metadata column: each part gets its share of every value; 'none' "
            "for no strata.",
        ),
    ] = "answer",
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            help="'prompt' or a metadata column: questions that agree in it stay in one part.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Write an exam in another form, whole or dealt into parts.

    Reads every form that is known: Kaggle and MMLU CSV, ARC, CommonsenseQA and llmexam JSON
    Lines, ScienceQA Parquet, alpaca JSON.

    Example: llmexam convert exam.csv exam.jsonl --split 0.7,0.15,0.15 --group-by prompt
    """
    from llmexam.workflows.convert import convert_exam

    result = convert_exam(
        exam,
        out,
        to=to,
        format=format,
        split=split,
        n_folds=folds,
        seed=seed,
        stratify=None if stratify == "none" else stratify,
        group_by=group_by,
        force=force,
    )
    if as_json:
        typer.echo(json.dumps(result.as_dict(), ensure_ascii=False))
        return
    for part in result.parts:
        typer.echo(f"{part.path}: {part.n_questions:,} questions ({part.name}, {result.format})")
    if result.lost:
        typer.echo(
            f"note: form '{result.format}' has no place for {', '.join(result.lost)}", err=True
        )
