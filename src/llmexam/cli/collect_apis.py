"""`llmexam collect mediawiki`, `arxiv` and `openalex`: texts from web APIs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from llmexam.workflows.collect_apis import Collection

Contact = Annotated[
    str | None,
    typer.Option(
        help="Required: e-mail address or web page at which the operator of the API reaches you. "
        "It is sent in the User-Agent.",
        show_default=False,
    ),
]
Out = Annotated[
    Path, typer.Option(help="Output file (.parquet), or a folder for it.", show_default=False)
]
Limit = Annotated[int, typer.Option(min=1, help="Largest number of pages or papers.")]
AcceptLicences = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-licence",
        help="Accept a licence besides the open ones, such as `CC BY-NC` or `not stated`. "
        "Repeatable.",
        show_default=False,
    ),
]
ApiPolicy = Annotated[
    str | None,
    typer.Option(
        help="Address of the policy for API clients that you follow, for an API that robots.txt "
        "disallows.",
        show_default=False,
    ),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Folder of cached responses. Defaults to one beside the output file.",
        show_default=False,
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the output file; responses stay cached.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Further setting: --set max_attempts=10. Repeatable."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def mediawiki(
    out: Out,
    contact: Contact = None,
    search: Annotated[
        list[str] | None, typer.Option(help="Search terms. Repeatable.", show_default=False)
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(help="Category, such as `Category:Optics`. Repeatable.", show_default=False),
    ] = None,
    title: Annotated[
        list[str] | None, typer.Option(help="Title of a page. Repeatable.", show_default=False)
    ] = None,
    depth: Annotated[
        int, typer.Option(min=0, max=20, help="Levels of subcategories to follow.")
    ] = 0,
    api: Annotated[
        str, typer.Option(help="Address of the Action API of the wiki.")
    ] = "https://en.wikipedia.org/w/api.php",
    limit: Limit = 100,
    accept_licence: AcceptLicences = None,
    api_policy: ApiPolicy = None,
    cache: CacheFolder = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """Collect the sections of pages of a wiki, with revision and licence.

    Example: llmexam collect mediawiki --contact me@example.org --category Category:Optics
    --api-policy https://www.mediawiki.org/wiki/API:Etiquette --out optics.parquet
    """
    from llmexam.workflows.collect_apis import collect_mediawiki

    given = {
        "contact": contact,
        "search": search or None,
        "category": category or None,
        "title": title or None,
        "depth": depth,
        "api": api,
        "limit": limit,
        "accept_licences": accept_licence or None,
        "api_policy": api_policy,
    }
    _collect(collect_mediawiki, given, set_, out, cache, overwrite, as_json)


def arxiv(
    out: Out,
    contact: Contact = None,
    query: Annotated[
        str | None,
        typer.Option(help="Query, such as `cat:physics.optics`.", show_default=False),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option(help="Ids of papers, separated by commas. Repeatable.", show_default=False),
    ] = None,
    api: Annotated[
        str, typer.Option(help="Address of the API.")
    ] = "https://export.arxiv.org/api/query",
    limit: Limit = 100,
    api_policy: ApiPolicy = None,
    cache: CacheFolder = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """Collect titles and abstracts of papers of arXiv.

    Example: llmexam collect arxiv --contact me@example.org --query cat:physics.optics --out papers
    """
    from llmexam.workflows.collect_apis import collect_arxiv

    names = [one.strip() for group in ids or () for one in group.split(",") if one.strip()]
    given = {
        "contact": contact,
        "query": query,
        "ids": names or None,
        "api": api,
        "limit": limit,
        "api_policy": api_policy,
    }
    _collect(collect_arxiv, given, set_, out, cache, overwrite, as_json)


def openalex(
    out: Out,
    contact: Contact = None,
    search: Annotated[str | None, typer.Option(help="Search terms.", show_default=False)] = None,
    filter_: Annotated[
        str | None,
        typer.Option(
            "--filter",
            help="Filter, such as `primary_location.license:cc-by,has_abstract:true`.",
            show_default=False,
        ),
    ] = None,
    api: Annotated[
        str, typer.Option(help="Address of the API.")
    ] = "https://api.openalex.org/works",
    limit: Limit = 100,
    accept_licence: AcceptLicences = None,
    api_policy: ApiPolicy = None,
    cache: CacheFolder = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """Collect titles and abstracts of works of OpenAlex, each with its licence.

    The API key is read from the environment variable OPENALEX_API_KEY.

    Example: llmexam collect openalex --contact me@example.org --search "solar cells"
    --filter primary_location.license:cc-by --out works
    """
    from llmexam.workflows.collect_apis import collect_openalex

    given = {
        "contact": contact,
        "search": search,
        "filter": filter_,
        "api": api,
        "limit": limit,
        "accept_licences": accept_licence or None,
        "api_policy": api_policy,
    }
    _collect(collect_openalex, given, set_, out, cache, overwrite, as_json)


def _collect(
    collect: Callable[..., Collection],
    given: dict[str, Any],
    set_: list[str] | None,
    out: Path,
    cache: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import question_progress
    from llmexam.workflows.collect_apis import collection_summary, report_path

    settings = {name: value for name, value in given.items() if value is not None}
    settings |= parse_settings(set_ or [])
    with (
        telling_of_interrupts("responses are cached; run the same command again to resume"),
        question_progress(plain_console(stderr=True), "collecting") as progress,
    ):
        done = collect(settings, out, cache=cache, overwrite=overwrite, progress=progress)
    if as_json:
        typer.echo(json.dumps(done.as_dict(), indent=2, ensure_ascii=False))
    else:
        plain_console().print(collection_summary(done), soft_wrap=True)
    typer.echo(f"wrote {done.out} and {report_path(done.out)}", err=True)
