"""`llmexam index`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.errors import SettingsError

if TYPE_CHECKING:
    from llmexam.retrieval.build import IndexSummary


def index(
    corpora: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CORPUS...",
            help="Files or folders: .jsonl, .csv, .tsv, .parquet, .txt, .md, also with "
            ".gz. `bundled` is the sample corpus.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Output folder of the index.", show_default=False),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="Kind of index: sparse (BM25) or dense (bi-encoder; needs the extra `encoders`).",
        ),
    ] = "sparse",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Bi-encoder of a dense index: a folder, a Hugging Face model name, or "
            "`bundled` (default). With --add and --delete-ids, needed only if the "
            "index uses a Hugging Face model.",
            show_default=False,
        ),
    ] = None,
    chunk_tokens: Annotated[
        int, typer.Option("--chunk-tokens", help="Chunk size: largest number of words per passage.")
    ] = 200,
    overlap: Annotated[int, typer.Option("--overlap", help="Chunk overlap, in words.")] = 40,
    no_chunk: Annotated[
        bool, typer.Option("--no-chunk", help="Do not split documents into passages.")
    ] = False,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Keep duplicate passages.")
    ] = False,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            help="Column or key of the text, title or id, such as --field text=context. In a file "
            "without a header, the number of the column: --field text=2. Repeatable.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="Format of the files: jsonl, csv, parquet, text, markdown, or auto (by their "
            "suffix).",
        ),
    ] = "auto",
    add: Annotated[
        bool,
        typer.Option(
            "--add",
            help="Add to an existing index, with its chunking. Documents with the same id are "
            "replaced.",
        ),
    ] = False,
    delete_ids: Annotated[
        Path | None,
        typer.Option(
            "--delete-ids",
            help="Delete the passages or documents listed in this file, one id per line.",
            show_default=False,
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Only check all files of the index in --out against their checksums.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build a search index of a corpus, add to it, delete from it, or verify it.

    Documents are split into passages of whole sentences, and duplicate passages are dropped. An
    existing index in the output folder is replaced when the new one is complete.

    Example: llmexam index wiki.jsonl notes/ --out my-index
    """
    from llmexam.cli.options import parse_fields
    from llmexam.retrieval import build as workflow

    if out is None:
        raise SettingsError("--out is missing", hint="Give the output folder of the index")
    if verify:
        if corpora or add or delete_ids is not None:
            raise SettingsError("--verify cannot be combined with a corpus, --add or --delete-ids")
        n_passages = workflow.verify_index(out)
        typer.echo(
            json.dumps({"n_passages": n_passages})
            if as_json
            else f"{out}: {n_passages:,} passages, no damage found"
        )
        return
    if delete_ids is not None:
        if corpora or add:
            raise SettingsError("--delete-ids cannot be combined with a corpus or --add")
        n_deleted = workflow.delete_from_index(out, workflow.read_ids(delete_ids), model=model)
        typer.echo(
            json.dumps({"n_deleted": n_deleted}) if as_json else f"deleted {n_deleted:,} passages"
        )
        return
    settings = workflow.corpus_settings(
        corpora or [], format=format, fields=parse_fields(fields or [])
    )
    with _counting() as progress:
        if add:
            summary = workflow.add_to_index(
                settings, out, deduplicate=not keep_duplicates, model=model, progress=progress
            )
        else:
            summary = workflow.build_index(
                settings,
                out,
                kind=kind,
                chunking=None if no_chunk else workflow.chunk_settings(chunk_tokens, overlap),
                deduplicate=not keep_duplicates,
                model=model,
                progress=progress,
            )
    typer.echo(json.dumps(asdict(summary)) if as_json else _sentence(summary))


@contextmanager
def _counting() -> Iterator[Callable[[int], None]]:
    """Show on stderr how many passages are in; nothing where no one watches."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from llmexam.cli.console import plain_console

    console = plain_console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.completed:,.0f} passages", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("passages", total=None)
        yield lambda n_passages: progress.update(task, completed=n_passages)


def _sentence(summary: IndexSummary) -> str:
    return (
        f"{summary.folder}: {summary.n_passages:,} passages ({summary.kind}); wrote "
        f"{summary.n_written:,} from {summary.n_documents:,} documents, skipped "
        f"{summary.n_blank:,} blank rows and {summary.n_duplicates:,} duplicate "
        f"passages, {summary.seconds:.1f} s"
    )
