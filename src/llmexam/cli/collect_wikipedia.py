"""`llmexam collect wikipedia`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmexam.cli.options import ClusterOption, ClusterSet

if TYPE_CHECKING:
    from llmexam.retrieval.reading import IndexSummary
    from llmexam.stages.sharding.cluster import Cluster


def wikipedia(
    dumps: Annotated[
        list[Path],
        typer.Argument(
            help="MediaWiki XML exports, Enterprise HTML dumps or JSON of WikiExtractor, "
            "compressed or not; or folders of them.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the corpus (Parquet files).")],
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Processes that convert pages; one per core by default."),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(help="Collect only pages in this category. Repeatable."),
    ] = None,
    titles: Annotated[
        Path | None, typer.Option(help="File with one title per line: collect only these pages.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Keep `lists` or `disambiguations`, which are skipped. Repeatable."),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the texts; needed for wikis that are not of Wikimedia."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set a setting: --set per=article. Repeatable."),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index",
            help="Build a sparse index of the corpus in this folder, too, in parts.",
            show_default=False,
        ),
    ] = None,
    parts: Annotated[
        int,
        typer.Option(
            "--parts",
            min=0,
            help="Number of parts of the index; 0 is one for each million passages.",
        ),
    ] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete another collection in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    cluster: ClusterOption = None,
    cluster_set: ClusterSet = None,
) -> None:
    """Collect the articles of dumps of Wikipedia and other wikis as a corpus.

    With --index, the articles are split into passages and indexed as well, so one command
    builds a searchable index from a dump. An interrupted collection or index resumes. It
    exits with code 1 if a dump is damaged: the pages before the damage and the other dumps are
    collected.

    Example: llmexam collect wikipedia enwiki-pages-articles.xml.bz2 --out wiki

    Example: llmexam collect wikipedia enwiki-pages-articles.xml.bz2 --out wiki --index wiki-index
    """
    from llmexam.cli.clusters import chosen_cluster
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import goes_on, telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import question_progress
    from llmexam.collecting.wikipedia.settings import WikipediaSettings
    from llmexam.machine import n_cores
    from llmexam.workflows.collect import collect_wikipedia

    given: dict[str, Any] = {
        "category": category,
        "titles": titles,
        "keep": keep,
        "licence": licence,
        **parse_settings(set_ or []),
    }
    settings = WikipediaSettings.parse(
        {key: value for key, value in given.items() if value is not None},
        subject="collect wikipedia",
        given_as="--set {key}={value}",
    )
    with (
        telling_of_interrupts(goes_on(overwrite=overwrite)),
        chosen_cluster(cluster, cluster_set, workers=workers) as where,
    ):
        with question_progress(plain_console(stderr=True), "reading dumps") as progress:
            found = collect_wikipedia(
                dumps,
                out,
                settings,
                n_workers=workers or n_cores(),
                overwrite=overwrite,
                progress=progress,
                cluster=where,
            )
        built = None if index is None else _build(out, index, parts, workers, where)
    if as_json:
        values = found.as_json()
        if built is not None:
            values["index"] = asdict(built)
        typer.echo(json.dumps(values, ensure_ascii=False, allow_nan=False))
    else:
        from llmexam.cli.index import summary_line
        from llmexam.collecting.wikipedia.summary import collection_lines

        lines = [*collection_lines(found), *([] if built is None else [summary_line(built)])]
        typer.echo("\n".join(lines))
    for message in found.broken:
        typer.echo(f"warning: {message}", err=True)
    typer.echo(f"wrote {out}", err=True)
    if found.broken:
        raise typer.Exit(1)


def _build(
    corpus: Path, index: Path, parts: int, workers: int | None, cluster: Cluster | None
) -> IndexSummary:
    """Build the index of a collected corpus in parts, or complete it."""
    from llmexam.cli.index import index_progress
    from llmexam.retrieval.build import build_index

    with index_progress() as (progress, tell):
        return build_index(
            corpus,
            index,
            parts=parts,
            n_workers=workers,
            cluster=cluster,
            progress=progress,
            tell=tell,
        )
