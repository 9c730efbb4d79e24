"""`llmexam serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    folder: Annotated[
        Path, typer.Argument(help="Folder with runs, trainings, plans, indexes and models.")
    ] = Path(),
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. With the default, only this machine can connect."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 chooses a free port.")
    ] = 8321,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Further host name that requests may have, such as that of a proxy. Repeatable.",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the secret token. By default it is taken from the environment variable "
            "LLMEXAM_SERVE_TOKEN, or a new one is made and printed.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        list[Path] | None,
        typer.Option(
            help="Question set to label, in addition to those in the folder. Repeatable.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="File that the labels of --label are appended to; by default "
            "NAME.labels.jsonl in the folder of the question set. Repeatable, in the same order.",
            show_default=False,
        ),
    ] = None,
    blind: Annotated[
        bool,
        typer.Option(
            "--blind", help="Hide key and quote of a question until the labeller answered it."
        ),
    ] = False,
    time_limit: Annotated[
        float,
        typer.Option(min=1, max=3600, help="Time limit of a request, in seconds."),
    ] = 120,
    max_clients: Annotated[
        int, typer.Option(min=1, max=1000, help="Maximum number of simultaneous requests.")
    ] = 100,
    max_queue: Annotated[
        int, typer.Option(min=1, max=10_000, help="Maximum number of waiting questions.")
    ] = 100,
    max_loaded: Annotated[
        int,
        typer.Option(min=1, max=64, help="Maximum number of solvers and recoverers in memory."),
    ] = 4,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Write the pages of runs to this folder as a static site that needs no server, "
            "and exit.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the runs of a folder in a browser, try questions, and label question sets.

    The pages are served on the loopback address until Ctrl-C or SIGTERM. Open the printed address,
    which contains a secret token, in a browser on the same machine. A program sends the token as
    `Authorization: Bearer TOKEN`.

    Example: llmexam serve runs

    Example: llmexam serve runs --label questions.jsonl --labels labels.jsonl

    Example: llmexam serve runs --export site
    """
    from llmexam.cli.extras import needing_serve

    with needing_serve("`llmexam serve`"):
        from llmexam.web.export import export_site
        from llmexam.web.serving import ServeOptions
        from llmexam.web.serving import serve as serve_folder
    from llmexam.workflows.browse.workspace import Workspace

    workspace = Workspace(folder)
    if export is not None:
        written = export_site(workspace, export)
        for problem in written.problems:
            typer.echo(f"warning: {problem}", err=True)
        noun = "run" if written.n_runs == 1 else "runs"
        typer.echo(f"wrote {export}: {written.n_runs} {noun}, {written.n_files} files")
        return
    options = ServeOptions(
        host=host,
        port=port,
        token_file=token_file,
        allow_hosts=tuple(allow_host or ()),
        label=tuple(label or ()),
        labels=tuple(labels or ()),
        blind=blind,
        time_limit=time_limit,
        max_clients=max_clients,
        max_queue=max_queue,
        max_loaded=max_loaded,
    )
    serve_folder(workspace, options, tell=typer.echo)
