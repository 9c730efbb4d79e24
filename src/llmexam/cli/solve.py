"""`llmexam solve`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import (
    ClusterOption,
    ClusterSet,
    ExamArgument,
    ExamFormat,
    Indexes,
    IndexModel,
    TopK,
)
from llmexam.cli.reading_options import reads_exam
from llmexam.cli.streams import write_exactly
from llmexam.errors import LlmExamError

if TYPE_CHECKING:
    from llmexam.exam.parsers.options import ReadOptions


@reads_exam()
def solve(
    exam: ExamArgument,
    solver: Annotated[
        str, typer.Option(help="Solver to use; `llmexam solvers` lists them.")
    ] = "lexical",
    out: Annotated[Path | None, typer.Option(help="Output score file (.parquet).")] = None,
    submission: Annotated[Path | None, typer.Option(help="Output submission (.csv).")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set a setting of the solver: --set reach=5. Repeatable."),
    ] = None,
    index: Indexes = None,
    index_model: IndexModel = None,
    k: TopK = 4,
    query_form: Annotated[
        str,
        typer.Option(
            help="Query formulation: prompt, prompt+options, each-option or prompt+each-option."
        ),
    ] = "prompt+each-option",
    given: Annotated[
        str,
        typer.Option(
            help="Passages in the exam file: keep (use only them), drop, or append retrieved ones."
        ),
    ] = "keep",
    format: ExamFormat = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            help="Number of processes, for solvers that use one core, such as lexical. Defaults to "
            "the number of cores for large exams, and to 1 otherwise.",
            show_default=False,
        ),
    ] = None,
    batch_out: Annotated[
        Path | None,
        typer.Option(
            help="Write the requests that have no cached reply to this file, as an OpenAI batch, "
            "instead of sending them. For solver openai.",
            show_default=False,
        ),
    ] = None,
    batch_in: Annotated[
        list[Path] | None,
        typer.Option(
            help="Read replies from this result file of an OpenAI batch instead of sending "
            "requests. For solver openai. Repeatable.",
            show_default=False,
        ),
    ] = None,
    cluster: ClusterOption = None,
    cluster_set: ClusterSet = None,
    *,
    reading: ReadOptions,
) -> None:
    """Score an exam with one solver.

    Without --out and --submission, the submission is printed to stdout.

    Example: llmexam solve exam.csv --solver lexical --index wiki --submission submission.csv
    """
    from llmexam.cli.clusters import chosen_cluster
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import question_progress
    from llmexam.exam.parsers.options import ExamSource
    from llmexam.exam.submission import submission_text
    from llmexam.solvers.registry import served_solvers
    from llmexam.workflows.batches import Batch, BatchPendingError
    from llmexam.workflows.solve import solve as score_exam

    # All else is scored anew.
    kept = "completed answers are cached; run the same command again to resume"
    resumes = kept if solver in served_solvers() or cluster is not None else ""
    batch = Batch(tuple(batch_in or ()), batch_out) if batch_in or batch_out else None
    with (
        telling_of_interrupts(resumes),
        chosen_cluster(cluster, cluster_set, workers=workers) as where,
        question_progress(plain_console(stderr=True), f"{solver} scores") as progress,
        _ending_where(BatchPendingError),
    ):
        scores = score_exam(
            ExamSource(exam, reading),
            solver,
            parse_settings(set_ or []),
            indexes=tuple(index or ()),
            index_model=index_model,
            k=k,
            query_form=query_form,
            given=given,
            out=out,
            submission=submission,
            batch=batch,
            progress=progress,
            workers=workers,
            cluster=where,
            warn=lambda message: typer.echo(f"warning: {message}", err=True),
            tell=lambda message: typer.echo(f"{solver}: {message}", err=True),
        )
    if out is None and submission is None:
        write_exactly(submission_text(scores))
    for path in (out, submission):
        if path is not None:
            typer.echo(f"wrote {path}", err=True)


@contextmanager
def _ending_where(pending: type[LlmExamError]) -> Iterator[None]:
    """End the command well where there are no scores yet, and say so."""
    try:
        yield
    except pending as message:
        typer.echo(str(message), err=True)
        raise typer.Exit from None
