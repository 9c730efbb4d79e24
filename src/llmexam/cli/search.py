"""`llmexam search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import ExamFormat
from llmexam.cli.reading_options import reads_exam
from llmexam.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.exam.parsers.options import ReadOptions
    from llmexam.retrieval.search import SearchSummary


@reads_exam()
def search(
    index: Annotated[Path, typer.Argument(help="Folder of the index.", show_default=False)],
    queries: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUERY...", help="Search queries.", show_default=False),
    ] = None,
    exam: Annotated[
        str | None,
        typer.Option(
            "--exam",
            help="Search with every question of this exam file, or of `bundled`, the sample exam.",
        ),
    ] = None,
    queries_file: Annotated[
        Path | None,
        typer.Option(
            "--queries",
            help="Search with the queries of this file: .jsonl with `_id` and `text` (BEIR), .tsv "
            "with id and text (MS MARCO), or a text file with one query per line.",
            show_default=False,
        ),
    ] = None,
    more: Annotated[
        list[Path] | None,
        typer.Option(
            "--index",
            help="Further index; rankings are combined by reciprocal rank fusion. Repeatable.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Passages per query (top-k).")] = 5,
    query_form: Annotated[
        str,
        typer.Option(
            "--query-form",
            help="Query formulation with --exam: prompt, prompt+options, each-option or "
            "prompt+each-option.",
        ),
    ] = "prompt+each-option",
    judgements: Annotated[
        Path | None,
        typer.Option(
            "--judgements",
            help="Relevance judgements in the format of TREC (query 0 document grade) or BEIR "
            "(query document grade); prints recall, MRR and nDCG. Queries of the command line have "
            "the ids 1, 2, ....",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Bi-encoder of a dense index that was built with a Hugging Face model.",
            show_default=False,
        ),
    ] = None,
    format: ExamFormat = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    *,
    reading: ReadOptions,
) -> None:
    """Retrieve passages for queries or for the questions of an exam.

    Example: llmexam search my-index "Why is the sky blue?" -k 3
    """
    from llmexam.evidence.query_files import read_queries
    from llmexam.exam.parsers.options import ExamSource
    from llmexam.retrieval import search as workflow

    if bool(queries) + (exam is not None) + (queries_file is not None) != 1:
        raise SettingsError(
            "expected queries, --queries or --exam", hint="See: llmexam search --help"
        )
    indexes = [index, *(more or [])]
    if exam is None:
        asked = queries or [] if queries_file is None else read_queries(queries_file)
        summary = workflow.search_index(indexes, asked, k=k, judgements=judgements, model=model)
    else:
        summary = workflow.search_exam_file(
            indexes,
            ExamSource(exam, reading),
            query_form=query_form,
            k=k,
            judgements=judgements,
            model=model,
        )
    if as_json:
        typer.echo(json.dumps(summary.as_dict(), ensure_ascii=False, allow_nan=False))
        return
    from llmexam.cli.console import plain_console

    _show(summary, plain_console())


def _show(summary: SearchSummary, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from llmexam.report.formats import printable

    def text_of(text: str, style: str = "") -> Text:
        # Texts come from files, and may hold commands to the terminal.
        return Text(printable(text), style=style)

    for one in () if summary.quality else summary.found:
        table = Table(title=text_of(f"{one.id}. {one.query}"), title_justify="left", expand=True)
        table.add_column("Score", justify="right", width=8)
        table.add_column("Id", ratio=1, overflow="fold")
        table.add_column("Passage", ratio=4, overflow="fold")
        for passage in one.passages:
            text = text_of(f"{passage.title}\n", "bold") if passage.title else Text()
            text.append_text(text_of(passage.text, "not bold"))
            table.add_row(f"{passage.score or 0.0:.3f}", text_of(passage.id), text)
        console.print(
            table if one.passages else text_of(f"{one.id}. {one.query}: no passages found")
        )
    if summary.quality is not None:
        table = Table("Measure", "Mean", title=f"{summary.quality.n_queries:,} judged queries")
        for name, value in summary.quality.as_dict().items():
            if name != "n_queries":
                table.add_row(name, f"{value:.4f}")
        console.print(table)
