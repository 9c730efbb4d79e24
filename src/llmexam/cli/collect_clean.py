"""`llmexam collect clean`: clean a corpus by the steps of a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import ClusterOption, ClusterSet

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.workflows.clean import CleaningReport

_DRY_RUN = 1000


def clean(
    corpus: Annotated[
        list[Path],
        typer.Argument(help="Files or folders of documents, in any format that `index` reads."),
    ],
    steps: Annotated[Path, typer.Option(help="YAML file of the steps.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the cleaned corpus and report.json. Needed without --dry-run.",
            show_default=False,
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            help="Column of the corpus where it differs: --field text=context. Repeatable.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(help="Format of the files: jsonl, csv, parquet, text, markdown, or auto."),
    ] = "auto",
    keep_dropped: Annotated[
        bool,
        typer.Option(
            "--keep-dropped",
            help="Write dropped documents with step and reason to FOLDER-dropped.parquet.",
        ),
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Clean this number of documents, drawn at random. Default with --dry-run: 1000.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the sample.")] = 0,
    examples: Annotated[
        int, typer.Option(min=0, max=5, help="Examples to print for each kind of change.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what the steps do to a sample.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Number of processes. Default: the number of cores."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the corpus in the output folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    cluster: ClusterOption = None,
    cluster_set: ClusterSet = None,
) -> None:
    """Clean a corpus: repair, filter and deduplicate its documents, with counts for each step.

    Example: llmexam collect clean passages.jsonl --steps clean.yaml --out clean
    """
    import json

    from llmexam.cli.clusters import chosen_cluster
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import goes_on, telling_of_interrupts
    from llmexam.cli.options import parse_fields
    from llmexam.cli.progress import stage_progress
    from llmexam.collecting.cleaning.plan import read_plan
    from llmexam.errors import SettingsError
    from llmexam.evidence.corpus import CorpusSettings
    from llmexam.workflows.clean import clean_corpus, dropped_path

    if out is None and not dry_run:
        raise SettingsError(
            "no output folder given", field="--out", hint="Give --out FOLDER, or use --dry-run"
        )
    fields = parse_fields(field or [])
    corpora = [
        CorpusSettings.parse(
            {"path": path, "fields": fields, "format": format}, subject="the corpus"
        )
        for path in corpus
    ]
    plan = read_plan(steps)
    with (
        telling_of_interrupts("" if dry_run else goes_on(overwrite=overwrite)),
        chosen_cluster(cluster, cluster_set, workers=workers) as where,
        stage_progress(plain_console(stderr=True)) as progress,
    ):
        report = clean_corpus(
            corpora,
            plan,
            out=None if dry_run else out,
            sample=sample or (_DRY_RUN if dry_run else None),
            seed=seed,
            keep_dropped=keep_dropped and not dry_run,
            n_workers=workers,
            overwrite=overwrite,
            progress=progress,
            cluster=where,
        )
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
    else:
        _print_report(plain_console(), report, examples)
    if out is not None and not dry_run:
        dropped = f" and {dropped_path(out)}" if keep_dropped else ""
        typer.echo(f"wrote {report.n_kept:,} documents to {out}{dropped}", err=True)
    if report.n_kept == 0:
        typer.echo("no document is left after cleaning", err=True)
        raise typer.Exit(1)


def _print_report(console: Console, report: CleaningReport, n_examples: int) -> None:
    from rich.table import Table

    sampled = report.n_sampled < report.n_documents
    blank = f"; {report.n_blank:,} rows without text" if report.n_blank else ""
    sample = f", of which a sample of {report.n_sampled:,} was cleaned" if sampled else ""
    console.print(f"{report.n_documents:,} documents{sample}{blank}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step")
    for name in ("in", "out", "changed", "characters in", "characters out"):
        table.add_column(name, justify="right")
    for name, counts in report.steps:
        numbers = (
            counts.n_in,
            counts.n_out,
            counts.n_changed,
            counts.characters_in,
            counts.characters_out,
        )
        table.add_row(name, *(f"{number:,}" for number in numbers))
    console.print(table)
    for name, counts in report.steps:
        for action, counted in (("dropped", counts.dropped), ("changed", counts.changes)):
            for label, n in sorted(counted.items(), key=lambda one: (-one[1], one[0])):
                console.print(f"{name}: {action}, {label}: {n:,}", soft_wrap=True)
                for example in counts.examples.get(label, [])[:n_examples]:
                    detail = f" ({example.detail})" if example.detail else ""
                    console.print(f"  {example.id}{detail}: {example.before}", soft_wrap=True)
                    if action == "changed":
                        console.print(f"    -> {example.after}", soft_wrap=True)
