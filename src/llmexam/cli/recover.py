"""`llmexam recover`: its commands `predict`, `evaluate` and `search-mean`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

recover = typer.Typer(
    name="recover",
    help="Recover the prompts of rewritten texts, grade them, and search for a mean prompt.",
    no_args_is_help=True,
)

RewritesArgument = Annotated[
    str, typer.Argument(help="CSV or JSON Lines file of rewrites, or `bundled` for the sample.")
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        help="Column of a field, if its name differs: --field original_text=text. Repeatable.",
    ),
]
Embedder = Annotated[
    str, typer.Option(help="Embedder of the metric: `bundled`, a folder or a Hugging Face name.")
]


@recover.command("predict")
def predict(
    exam: RewritesArgument,
    out: Annotated[
        Path | None,
        typer.Option(help="Submission file (CSV). Defaults to standard output."),
    ] = None,
    recoverer: Annotated[
        str, typer.Option(help="Recoverer to use, such as `constant` or `regressor`.")
    ] = "regressor",
    train: Annotated[
        list[str] | None,
        typer.Option(help="File of rows with known prompts to fit the recoverer on. Repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set a setting of the recoverer: --set alpha=10. Repeatable."),
    ] = None,
    field: Fields = None,
) -> None:
    """Write a submission with the recovered prompt of each row.

    Example: llmexam recover predict test.csv --train triplets.csv --out submission.csv
    """
    from llmexam.cli.options import parse_fields, parse_settings
    from llmexam.recovery.submission import submission_text, write_submission
    from llmexam.workflows.recover import load_rewrites, recover_prompts

    rows = load_rewrites(exam, parse_fields(field or []))
    known = load_rewrites(train) if train else None
    found = recover_prompts(rows, recoverer, parse_settings(set_ or []), train=known)
    prompts = [one.text for one in found]
    if out is None:
        typer.echo(submission_text(rows.ids, prompts), nl=False)
    else:
        write_submission(out, rows.ids, prompts)


@recover.command("evaluate")
def evaluate(
    exam: RewritesArgument,
    submission: Annotated[
        Path, typer.Argument(help="Submission (CSV: id,rewrite_prompt).", show_default=False)
    ],
    embedder: Embedder = "sentence-transformers/sentence-t5-base",
    second_embedder: Annotated[
        str | None,
        typer.Option(help="Second embedder, to check that results do not depend on the first."),
    ] = None,
    field: Fields = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of resampling.")] = 0,
    resamples: Annotated[
        int,
        typer.Option(min=100, max=1_000_000, help="Number of bootstrap resamples per interval."),
    ] = 10_000,
    check: Annotated[
        bool, typer.Option("--check", help="Only validate the submission; needs no prompts.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Grade a submission: sharpened cosine and other metrics, with intervals and baselines.

    Example: llmexam recover evaluate triplets.csv submission.csv --embedder bundled
    """
    from llmexam.cli.console import plain_console
    from llmexam.cli.options import parse_fields
    from llmexam.recovery.submission import read_submission
    from llmexam.report.grade_tables import evaluation_summary
    from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan
    from llmexam.workflows.recover import evaluate_prompts, load_rewrites

    rows = load_rewrites(exam, parse_fields(field or []))
    if check:
        n = len(read_submission(submission, rows))
        typer.echo(f"{submission}: {n} prompts, valid submission")
        return
    grading = RecoveryGradingPlan(
        embedder=embedder, second_embedder=second_embedder, n_resamples=resamples
    )
    result = evaluate_prompts(rows, submission, grading=grading, seed=seed)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        plain_console().print(*evaluation_summary(result, noun="row"), sep="\n")


@recover.command("search-mean")
def search_mean(
    exam: Annotated[
        list[str],
        typer.Argument(help="Files of rewrites with known prompts, or `bundled`."),
    ],
    embedder: Embedder = "bundled",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set a setting of the search: --set n_steps=30. Repeatable."),
    ] = None,
    hold_out: Annotated[
        bool,
        typer.Option(
            "--hold-out/--no-hold-out",
            help="Hold out a fifth of the rows, with other prompts, and score the text on them.",
        ),
    ] = True,
) -> None:
    """Search for a mean prompt: the text with the highest mean score over known prompts.

    Example: llmexam recover search-mean triplets.csv --set n_steps=30
    """
    from llmexam.cli.options import parse_settings
    from llmexam.recovery.phrase_search import SearchSettings
    from llmexam.workflows.recover import load_rewrites
    from llmexam.workflows.recover import search_mean as search

    settings = SearchSettings.parse(
        parse_settings(set_ or []), subject="the search", given_as="--set {key}={value}"
    )
    found = search(load_rewrites(exam), settings, embedder=embedder, hold_out=hold_out)
    for step in found.search.steps:
        typer.echo(f"step {step.step:2}  {step.score:.4f}  {step.text}")
    typer.echo(f"{found.search.n_scored:,} texts scored on {found.n_rows:,} rows")
    if found.held_out is not None:
        typer.echo(f"{found.held_out:.4f} on {found.n_held_out:,} rows with other prompts")
