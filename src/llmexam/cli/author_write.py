"""`llmexam author write`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from llmexam.cli.options import ClusterOption, ClusterSet
from llmexam.errors import SettingsError


def write(
    corpus: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files or folders of passages, or `bundled` for the sample corpus. They replace "
            "those of --settings.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(help="Output file (.jsonl). The counts are written to OUT.report.json."),
    ] = Path("questions.jsonl"),
    settings: Annotated[
        Path | None, typer.Option(help="YAML file of settings.", show_default=False)
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of questions to write; all that the passages give by default."
        ),
    ] = None,
    per_passage: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of questions per passage. Defaults to 1."),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Option(
            help="Kind of question: definition, cause, comparison, number, statement or cloze. "
            "Repeatable. Defaults to all with --model, else to definition, number and cloze."
        ),
    ] = None,
    options: Annotated[
        int | None,
        typer.Option(min=3, max=26, help="Number of options per question. Defaults to 5."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Language model that writes: its name at the endpoint; without --base-url a local "
            "folder, a Hugging Face name or a GGUF file. By default, rules write the questions."
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Address of an OpenAI-compatible endpoint.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Exam whose questions must not be repeated. Repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Set a setting: --set checks.tells=null. Repeatable."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Random seed. Defaults to 0.", show_default=False)
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that share the work of rules and checks."),
    ] = None,
    keep_rejected: Annotated[
        bool,
        typer.Option(
            "--keep-rejected",
            help="Also write the rejected questions with the reasons, to OUT.rejected.jsonl.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show passages, requests, tokens and cost, and write nothing."
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Delete drafts that were written with other settings."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    cluster: ClusterOption = None,
    cluster_set: ClusterSet = None,
) -> None:
    """Write multiple-choice questions from passages, check them, and count what each check rejects.

    Drafts are stored in OUT.drafts as they are written. After an interrupt, the same command
    resumes. With --questions, passages are drafted until the checked set has this number.

    Example: llmexam author write textbook.jsonl --questions 2000 --against exam.csv

    Example: llmexam author write textbook.jsonl --model models/qwen --dry-run
    """
    import json

    from llmexam.cli.clusters import chosen_cluster, cluster_settings
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import question_progress
    from llmexam.sample import corpus_path
    from llmexam.workflows.author import (
        beside,
        check_output,
        forecast_questions,
        read_settings,
        write_questions,
    )

    changes: dict[str, Any] = {
        "corpus": [str(corpus_path(path).absolute()) for path in corpus or ()] or None,
        "n_questions": questions,
        "per_passage": per_passage,
        "styles": style or None,
        "n_options": options,
        "seed": seed,
        "n_processes": processes,
        **_model(model, base_url),
    }
    if against:
        changes["checks"] = {"overlap": {"against": [str(path.absolute()) for path in against]}}
    if not corpus and settings is None and not set_:
        raise SettingsError(
            "expected files or folders of passages, got none",
            field="corpus",
            hint="Name them as arguments, or in the file of --settings; `bundled` is the sample",
        )
    if base_url is not None and not model and settings is None and not set_:
        raise SettingsError("--base-url needs --model with the name of the model there")
    check_output(out)
    given = {key: value for key, value in changes.items() if value is not None}
    chosen = read_settings(settings, given, parse_settings(set_ or []))
    cluster_settings(cluster, cluster_set, workers=processes)
    if dry_run:
        typer.echo(str(forecast_questions(chosen)))
        return
    with (
        telling_of_interrupts("drafts are stored; run the same command again to resume"),
        chosen_cluster(cluster, cluster_set, workers=processes) as where,
        question_progress(plain_console(stderr=True), "passages") as progress,
    ):
        found = write_questions(
            chosen,
            out,
            overwrite=overwrite,
            keep_rejected=keep_rejected,
            progress=lambda n_done, n_all: progress(n_done, n_all or 0),
            cluster=where,
        )
    typer.echo(json.dumps(found.as_dict(), indent=2) if as_json else str(found))
    if found.usage:
        typer.echo(found.usage, err=True)
    typer.echo(f"wrote {out} and {beside(out, '.report.json')}", err=True)


def _model(model: str | None, base_url: str | None) -> dict[str, Any]:
    if model is not None and not model.strip():
        raise SettingsError("expected the name of a model, got none", field="--model")
    if base_url is not None:
        # Without a model, the settings say what is missing.
        return {"endpoint": {"base_url": base_url} | ({"model": model} if model else {})}
    if model is None:
        return {}
    from llmexam.settings.walk import resolve_model_name

    return {"model": {"model": resolve_model_name(model, Path.cwd())}}
