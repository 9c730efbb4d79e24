"""`llmexam author label` and `llmexam author agreement`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llmexam.errors import ExamError, SettingsError


def label(
    questions: Annotated[Path, typer.Argument(help="Question set or exam.", show_default=False)],
    labels: Annotated[
        Path, typer.Option(help="File that each decision is appended to.", show_default=False)
    ],
    labeller: Annotated[
        str, typer.Option(help="Name of the person who labels.", show_default=False)
    ] = "",
    blind: Annotated[
        bool,
        typer.Option(
            "--blind", help="Hide key and quote of a question until the labeller answered it."
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the page; 0 takes a free one.")
    ] = 0,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Write the accepted and corrected questions to this file (.jsonl) and exit.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Open a page on this machine to accept, correct or reject questions.

    The page is served on the loopback address until Ctrl-C. It shows each question beside its
    passage, with the quote that supports the key. Each decision is on disk before the next question
    shows, so that labelling resumes where it stopped. Several people may label the same questions
    into one file, each with their own --labeller.

    Example: llmexam author label questions.jsonl --labels labels.jsonl --labeller ann

    Example: llmexam author label questions.jsonl --labels labels.jsonl --export accepted.jsonl
    """
    from llmexam.exam.loading import load_exam

    exam = load_exam(questions)
    if export is not None:
        from llmexam.authoring.labelling.export import accepted_exam
        from llmexam.authoring.labelling.labels import read_all
        from llmexam.exam.writers import write_exam

        _check_export(export, questions, labels)
        accepted = accepted_exam(exam, read_all([labels]))
        write_exam(export, accepted, format="jsonl")
        typer.echo(f"wrote {export}: {len(accepted)} of {len(exam)} questions")
        return
    if not labeller:
        raise SettingsError(
            "expected --labeller with the name of the person who labels", hint="--labeller ann"
        )
    from llmexam.authoring.labelling.session import Session
    from llmexam.cli.extras import needing_serve

    with needing_serve("the labelling page"):
        from llmexam.web.label.app import serve_session

    session = Session.resume(exam, labels, labeller, blind=blind)
    typer.echo(f"{session.n_done} of {len(exam)} questions decided by {session.labeller}")
    serve_session(session, port=port, tell=lambda url: typer.echo(f"open {url}\nend with Ctrl-C"))
    typer.echo(f"{session.n_done} of {len(exam)} questions decided; labels: {labels}")


def _check_export(export: Path, *inputs: Path) -> None:
    """Check that an export is a JSON Lines file and overwrites nothing that it is made of."""
    if export.suffix != ".jsonl":
        raise ExamError(
            f"expected an output path that ends in .jsonl, got {export.name}",
            file=export,
            hint="`llmexam convert` writes other formats",
        )
    for path in inputs:
        if export.resolve() == path.resolve():
            raise ExamError(
                "the export would overwrite its own input",
                file=export,
                hint="Give another file to --export",
            )


def agreement(
    labels: Annotated[
        list[Path], typer.Argument(help="Files written by `author label`.", show_default=False)
    ],
    questions: Annotated[
        Path | None,
        typer.Option(
            help="The questions, to count right blind answers and to name disagreements.",
            show_default=False,
        ),
    ] = None,
    usable: Annotated[
        bool,
        typer.Option(
            "--usable", help="Compare only kept (accepted or corrected) against rejected."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the agreement between labellers: raw agreement, Cohen's kappa, Krippendorff's alpha.

    Kappa is given for each pair of labellers, with a 95 % bootstrap interval over questions, the
    table of their decisions, and the questions on which they disagree.

    Example: llmexam author agreement labels.jsonl --questions questions.jsonl
    """
    import json

    from llmexam.authoring.labelling.agreement import measure_agreement
    from llmexam.authoring.labelling.labels import read_all
    from llmexam.exam.loading import load_exam

    exam = None if questions is None else load_exam(questions)
    known = exam or ()
    keys = {one.id: one.answer for one in known if one.answer is not None}
    hashes = None if exam is None else dict(zip(exam.ids, exam.question_hashes, strict=True))
    result = measure_agreement(read_all(labels), keys=keys, hashes=hashes, usable=usable, seed=seed)
    if as_json:
        typer.echo(json.dumps(result.as_dict(), ensure_ascii=False, allow_nan=False))
        return
    from llmexam.cli.console import plain_console
    from llmexam.report.agreement_tables import agreement_tables
    from llmexam.report.terminal_parts import show

    show(plain_console(), agreement_tables(result, {one.id: one.prompt for one in known}))
