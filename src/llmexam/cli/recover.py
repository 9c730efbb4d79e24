"""`llmexam recover`: its commands `predict`, `evaluate`, `search-mean` and `make-data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from llmexam.cli.options import ClusterOption, ClusterSet, Fields
from llmexam.cli.streams import write_exactly

recover = typer.Typer(
    name="recover",
    help="Recover the prompts of rewritten texts, grade them, search for a mean prompt, and make "
    "training data.",
    no_args_is_help=True,
)

RewritesArgument = Annotated[
    str, typer.Argument(help="CSV or JSON Lines file of rewrites, or `bundled` for the sample.")
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
    from llmexam.cli.console import plain_console
    from llmexam.cli.options import parse_fields, parse_settings
    from llmexam.cli.progress import question_progress
    from llmexam.recovery.submission import submission_text, write_submission
    from llmexam.storage.atomic import require_writable
    from llmexam.workflows.recover import load_rewrites, recover_prompts

    fields = parse_fields(field or [])
    rows = load_rewrites(exam, fields)
    known = load_rewrites(train, fields) if train else None
    if out is not None:
        # Before the work, which would be lost.
        require_writable(out)
    with question_progress(plain_console(stderr=True), f"{recoverer} recovers") as progress:
        found = recover_prompts(
            rows,
            recoverer,
            parse_settings(set_ or []),
            train=known,
            progress=progress,
            tell=lambda message: typer.echo(f"{recoverer}: {message}", err=True),
        )
    prompts = [one.text for one in found]
    if out is None:
        write_exactly(submission_text(rows.ids, prompts))
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
    from llmexam.recovery.submission import validate_submission
    from llmexam.report.grade_tables import evaluation_summary
    from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan
    from llmexam.workflows.recover import evaluate_prompts, load_rewrites

    rows = load_rewrites(exam, parse_fields(field or []))
    if check:
        n = len(validate_submission(submission, rows))
        typer.echo(f"{submission}: {n} prompt{'s' if n != 1 else ''}, valid submission")
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
    field: Fields = None,
) -> None:
    """Search for a mean prompt: the text with the highest mean score over known prompts.

    Example: llmexam recover search-mean triplets.csv --set n_steps=30
    """
    from llmexam.cli.options import parse_fields, parse_settings
    from llmexam.recovery.phrase_search import SearchSettings
    from llmexam.workflows.recover import load_rewrites
    from llmexam.workflows.recover import search_mean as search

    settings = SearchSettings.parse(
        parse_settings(set_ or []), subject="the search", given_as="--set {key}={value}"
    )
    rows = load_rewrites(exam, parse_fields(field or []))
    found = search(rows, settings, embedder=embedder, hold_out=hold_out)
    for step in found.search.steps:
        typer.echo(f"step {step.step:2}  {step.score:.4f}  {step.text}")
    typer.echo(f"{found.search.n_scored:,} texts scored on {found.n_rows:,} rows")
    if found.held_out is not None:
        typer.echo(f"{found.held_out:.4f} on {found.n_held_out:,} rows with other prompts")


@recover.command("make-data")
def make_data(
    texts: Annotated[
        str,
        typer.Argument(
            help="CSV or JSON Lines file of texts, or of rewrites, of which the originals are "
            "used; `bundled` for the sample."
        ),
    ],
    prompts: Annotated[
        str,
        typer.Argument(help="CSV file with a column rewrite_prompt, or `bundled` for the sample."),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="Model that rewrites: its name at the endpoint; without --base-url a local folder "
            "or a Hugging Face name."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Output file (.csv or .jsonl); the yield table is written beside it."),
    ],
    base_url: Annotated[
        str | None, typer.Option(help="Address of an OpenAI-compatible endpoint.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Setting of the model or endpoint: --set temperature=1. Repeatable."
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="Number of pairs to rewrite; one for each text by default."),
    ] = None,
    pairs_per_text: Annotated[
        int | None, typer.Option(min=1, help="Number of prompts for each text, instead of --rows.")
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(help="Column of the texts. Defaults to original_text, else text."),
    ] = None,
    preambles: Annotated[
        str,
        typer.Option(
            help='Answers that open with "Sure, here is": strip the opening, drop them, or keep.'
        ),
    ] = "strip",
    seed: Annotated[int, typer.Option(min=0, help="Random seed of pairs and sampling.")] = 0,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only show what would be asked, and the highest cost."),
    ] = False,
    cluster: ClusterOption = None,
    cluster_set: ClusterSet = None,
) -> None:
    """Make training data: texts rewritten under prompts by a language model.

    Example: llmexam recover make-data texts.csv prompts.csv --model gpt-x --base-url
    https://api.example.com/v1 --set api_key_env=EXAMPLE_KEY --rows 500 --out made.csv
    """
    from llmexam.cli.clusters import chosen_cluster, cluster_settings
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import question_progress
    from llmexam.workflows.make_data import forecast_data, yields_path
    from llmexam.workflows.make_data import make_data as make

    arguments: dict[str, Any] = {
        "model": model,
        "base_url": base_url,
        "settings": parse_settings(set_ or []),
        "drawing": {
            "n_rows": rows,
            "pairs_per_text": pairs_per_text,
            "seed": seed,
            "preambles": preambles,
        },
        "text_column": text_column,
        "out": out,
    }
    cluster_settings(cluster, cluster_set)
    if dry_run:
        typer.echo(str(forecast_data(texts, prompts, **arguments)))
        return
    with (
        telling_of_interrupts("answers are cached; run the same command again to resume"),
        chosen_cluster(cluster, cluster_set) as where,
        question_progress(plain_console(stderr=True), f"{model} rewrites") as progress,
    ):
        made = make(texts, prompts, **arguments, progress=progress, cluster=where)
    typer.echo(str(made.yields))
    if made.usage:
        typer.echo(f"{model}: {made.usage}", err=True)
    typer.echo(f"wrote {out} and {yields_path(out)}", err=True)
