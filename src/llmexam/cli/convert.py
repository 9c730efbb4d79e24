"""`llmexam convert`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import TaskName
from llmexam.cli.reading_options import reads_exam
from llmexam.errors import plural

if TYPE_CHECKING:
    from llmexam.exam.parsers.options import ReadOptions


@reads_exam()
def convert(
    exam: Annotated[
        Path,
        typer.Argument(
            help="Exam file, folder or pattern such as 'exams/*.csv', `-` for standard input, or "
            "`bundled` for the sample exam.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Output file.", show_default=False)],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Output format: kaggle, jsonl, alpaca, long (one row per option, for training), "
            "moodle-xml, gift, hub-mmlu (.parquet or .jsonl), inspect (.jsonl) or lm-eval (.yaml, "
            "with its data beside it); csv or jsonl for prompt recovery. Defaults to the suffix of "
            "OUT (.csv, .jsonl, .json, .xml, .gift, .parquet, .yaml).",
        ),
    ] = None,
    task: TaskName = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="Format of the input file; auto-detected by default."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Shares of the split: 0.7,0.15,0.15 (train, dev, test), 0.8,0.2 (train, "
            "test) or train=0.9,test=0.1. Writes OUT-train and so on.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", help="Number of folds. Writes OUT-fold1, OUT-fold2 and so on."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Random seed of the split and of --sample.")
    ] = 0,
    stratify: Annotated[
        str | None,
        typer.Option(
            "--stratify",
            help="Stratify by 'answer' or a metadata column; 'none' for no stratification. "
            "Default: answer for multiple choice, none for prompt recovery.",
            show_default=False,
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            help="Keep questions with equal 'prompt' or metadata column in the same part. For "
            "prompt recovery, near-equal prompts stay together by default; 'none' separates them.",
            show_default=False,
        ),
    ] = None,
    shuffle_options: Annotated[
        int | None,
        typer.Option(
            "--shuffle-options",
            min=0,
            help="Shuffle the options of each question with this random seed. 'All of the above' "
            "stays last. The metadata field original_letters holds the former letters. For "
            "multiple choice.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    *,
    reading: ReadOptions,
) -> None:
    """Convert an exam to another format, and optionally split it.

    Reads the formats of many public data sets from CSV, JSON, JSON Lines, Parquet and Excel files,
    and Moodle XML, GIFT, Aiken and QTI; --field maps columns with other names. Rewritten texts
    (prompt recovery) are read from CSV and JSON Lines. Logs of other harnesses are converted into
    exams.

    Example: llmexam convert exam.csv exam.jsonl --split 0.7,0.15,0.15 --group-by prompt
    """
    from llmexam.exam.parsers.options import ExamSource
    from llmexam.workflows.convert import convert_exam

    result = convert_exam(
        ExamSource(exam, reading),
        out,
        to=to,
        task=task,
        split=split,
        n_folds=folds,
        seed=seed,
        stratify=stratify,
        group_by=group_by,
        shuffle_options=shuffle_options,
        force=force,
    )
    if as_json:
        typer.echo(json.dumps(result.as_dict(), ensure_ascii=False))
        return

    for part in result.parts:
        size = plural(part.n_questions, result.noun)
        typer.echo(f"{part.path}: {size} ({part.name}, {result.format})")
    if result.lost:
        typer.echo(
            f"note: format '{result.format}' cannot store {', '.join(result.lost)}", err=True
        )
