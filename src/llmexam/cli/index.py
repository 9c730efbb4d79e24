"""`llmexam index`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import ClusterOption, ClusterSet
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
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Precision of a dense index: fp32, bf16, int8, or auto. For 8,192 passages or "
            "more, auto tries int8 on 256 of them, and chooses it if it is faster and near fp32.",
        ),
    ] = "auto",
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
            "replaced. An index in parts gets a new part.",
        ),
    ] = False,
    parts: Annotated[
        int | None,
        typer.Option(
            "--parts",
            min=0,
            help="Build the index in this number of parts, side by side; 0 is one part for each "
            "million passages. Scores equal those of one index. An interrupted build resumes with "
            "the finished parts.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            max=256,
            help="Processes that build parts; one per core by default.",
            show_default=False,
        ),
    ] = None,
    replace_part: Annotated[
        str | None,
        typer.Option(
            "--replace-part",
            metavar="PART",
            help="Replace this part of an index in parts, such as part-00003, by the corpus.",
            show_default=False,
        ),
    ] = None,
    remove_part: Annotated[
        str | None,
        typer.Option(
            "--remove-part",
            metavar="PART",
            help="Delete this part of an index in parts.",
            show_default=False,
        ),
    ] = None,
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
    cluster: ClusterOption = None,
    cluster_set: ClusterSet = None,
) -> None:
    """Build a search index of a corpus, add to it, delete from it, or verify it.

    Documents are split into passages of whole sentences, and duplicate passages are dropped. An
    existing index in the output folder is replaced when the new one is complete.

    Example: llmexam index wiki.jsonl notes/ --out my-index

    Example: llmexam index wiki/ --out my-index --parts 8

    Example: llmexam index wiki/ --out my-index --parts 0 --cluster 10.0.0.1:6379
    """
    from llmexam.cli.clusters import chosen_cluster
    from llmexam.cli.options import parse_fields
    from llmexam.retrieval import build as workflow

    if out is None:
        raise SettingsError("--out is missing", hint="Give the output folder of the index")
    changes = {
        "--add": add,
        "--replace-part": replace_part is not None,
        "--remove-part": remove_part is not None,
        "--delete-ids": delete_ids is not None,
        "--verify": verify,
    }
    of_parts = {"--workers": workers is not None, "--cluster": cluster is not None}
    _check_combination(changes, has_corpus=bool(corpora), parts=parts, of_parts=of_parts)
    if verify or delete_ids is not None or remove_part is not None:
        _verify_or_delete(out, delete_ids, remove_part, model, as_json=as_json)
        return
    if add or replace_part is not None:
        _check_precision("--add" if add else "--replace-part", precision)
    settings = workflow.corpus_settings(
        corpora or [], format=format, fields=parse_fields(fields or [])
    )
    with (
        chosen_cluster(cluster, cluster_set, workers=workers) as where,
        index_progress() as (progress, tell),
    ):
        if add or replace_part is not None:
            change = partial(workflow.replace_part, part=replace_part or "")
            summary = (workflow.add_to_index if add else change)(
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
                precision=precision,
                progress=progress,
                parts=parts,
                n_workers=workers,
                cluster=where,
                tell=tell,
            )
    _print(as_json, asdict(summary), summary_line(summary))


def _verify_or_delete(
    out: Path, delete_ids: Path | None, remove_part: str | None, model: str | None, *, as_json: bool
) -> None:
    """Do what needs no corpus: delete passages or a part, or verify the index."""
    from llmexam.retrieval import build as workflow

    if delete_ids is None and remove_part is None:
        n_passages = workflow.verify_index(out)
        line = f"{out}: {n_passages:,} passages, no damage found"
        _print(as_json, {"n_passages": n_passages}, line)
        return
    if delete_ids is not None:
        n_deleted = workflow.delete_from_index(out, workflow.read_ids(delete_ids), model=model)
    else:
        n_deleted = workflow.remove_part(out, remove_part or "", model=model)
    _print(as_json, {"n_deleted": n_deleted}, f"deleted {n_deleted:,} passages")


def _check_precision(option: str, precision: str) -> None:
    if precision != "auto":
        raise SettingsError(
            f"{option} uses the precision of the index",
            field="--precision",
            hint="Leave out --precision, or build the index again",
        )


def _check_combination(
    changes: dict[str, bool], *, has_corpus: bool, parts: int | None, of_parts: dict[str, bool]
) -> None:
    """Check that the options say one thing to do."""
    given = [name for name, is_given in changes.items() if is_given]
    without_corpus = [name for name in given if name not in ("--add", "--replace-part")]
    if len(given) > 1:
        raise SettingsError(f"{given[0]} cannot be combined with {given[1]}")
    if without_corpus and has_corpus:
        raise SettingsError(f"{without_corpus[0]} cannot be combined with a corpus")
    if given and parts is not None:
        raise SettingsError(
            f"--parts cannot be combined with {given[0]}",
            hint="The number of parts is set when an index is built; --add adds one",
        )
    for name, is_given in of_parts.items():
        if is_given and parts is None:
            raise SettingsError(f"{name} needs --parts", hint="Only parts are built side by side")


def _print(as_json: bool, value: dict[str, object], line: str) -> None:
    typer.echo(json.dumps(value) if as_json else line)


@contextmanager
def index_progress() -> Iterator[tuple[Callable[[int], None], Callable[[int, int], None]]]:
    """Show progress on a terminal; yield functions to call with numbers of passages and parts."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from llmexam.cli.console import plain_console

    console = plain_console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.completed:,.0f} passages{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=None)
        yield (
            lambda n_passages: progress.update(task, completed=n_passages),
            lambda n_done, n_all: progress.update(
                task, description=f", {n_done} of {n_all} parts finished"
            ),
        )


def summary_line(summary: IndexSummary) -> str:
    """Return what came of building or changing an index, as a sentence."""
    in_parts = f" in {summary.n_parts:,} parts" if summary.n_parts else ""
    resumed = f", {summary.n_resumed:,} of them from an earlier run" if summary.n_resumed else ""
    return (
        f"{summary.folder}: {summary.n_passages:,} passages ({summary.kind}){in_parts}{resumed}; "
        f"wrote {summary.n_written:,} from {summary.n_documents:,} documents, skipped "
        f"{summary.n_blank:,} blank rows and {summary.n_duplicates:,} duplicate "
        f"passages, {summary.seconds:.1f} s"
        + (f"\nprecision {summary.precision}" if summary.precision else "")
    )
