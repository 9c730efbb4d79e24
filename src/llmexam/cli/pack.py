"""`llmexam pack`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.workflows.pack.settings import PackResult, TrialReport


def pack(
    plan: Annotated[
        str,
        typer.Argument(
            help="Plan file (YAML), or `demo` or `recovery-demo` for the bundled samples."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Output folder; an earlier pack is replaced.")],
    for_: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="`kaggle`: a dataset and a notebook. By default, a folder for any machine.",
            show_default=False,
        ),
    ] = None,
    freeze: Annotated[
        Path | None,
        typer.Option(
            help="Packages that the machine has: the output of `pip list --format=freeze` there. "
            "They are not packed, unless a newer one is needed."
        ),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(
            help="Python version of the machine, such as 3.11. Default: from the frozen packages, "
            "or that of this installation.",
            show_default=False,
        ),
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option(
            help="Platform tag of the machine's wheels. Default: manylinux_2_35_x86_64 for Kaggle, "
            "else that of this machine.",
            show_default=False,
        ),
    ] = None,
    competition: Annotated[
        str,
        typer.Option(
            help="Competition on Kaggle whose test file the notebook answers. Default: the "
            "notebook runs the exam of the plan.",
            show_default=False,
        ),
    ] = "",
    test_file: Annotated[str, typer.Option(help="Name of that test file.")] = "test.csv",
    owner: Annotated[
        str | None,
        typer.Option(
            envvar="KAGGLE_USERNAME",
            show_envvar=False,
            help="User name on Kaggle. Default: the environment variable KAGGLE_USERNAME.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of dataset and notebook. Default: the name of the plan file.",
            show_default=False,
        ),
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Run the notebook with a GPU.")] = False,
    time_limit: Annotated[
        str | None,
        typer.Option(
            help="Time that the notebook may take, such as 9h; `none` for no limit. Default: 9h "
            "for Kaggle.",
            show_default=False,
        ),
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option(help="Install this extra of llmexam, too. Repeatable."),
    ] = None,
    find_links: Annotated[
        list[str] | None,
        typer.Option(help="Folder of wheels to use in addition to the package index. Repeatable."),
    ] = None,
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Use only the folders of --find-links.")
    ] = False,
    try_: Annotated[
        bool,
        typer.Option(
            "--try/--no-try",
            help="Install the pack into a new environment without a network, run it on a sample, "
            "and compare the results with those computed on this machine.",
        ),
    ] = True,
    image_python: Annotated[
        str | None,
        typer.Option(
            help="Interpreter of the trial. Of its packages, only those in the file of --freeze "
            "are visible. Default: the interpreter of this installation.",
            show_default=False,
        ),
    ] = None,
    questions: Annotated[
        int, typer.Option(min=1, help="Number of questions or rows of the trial.")
    ] = 20,
    memory: Annotated[
        str | None,
        typer.Option(
            help="Memory limit of the trial, such as 13GB; `none` for no limit. Default: 13GB for "
            "Kaggle.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest difference of scores that the trial accepts.")
    ] = 1e-4,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key of the plan: --set evidence.k=10. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Pack a plan for a machine without a network: packages, weights, indexes and the plan.

    The pack is tried before it is written. The exit code is 1 if its scores or its submission
    differ from those computed on this machine; then nothing is written.

    Example: llmexam pack plan.yaml --for kaggle --freeze image.txt --out packed
    """
    from llmexam.cli.console import plain_console
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import stage_progress
    from llmexam.errors import SettingsError
    from llmexam.packing.kaggle import MEMORY_BYTES, TIME_LIMIT
    from llmexam.packing.sizes import parse_bytes
    from llmexam.settings.durations import parse_duration
    from llmexam.workflows.pack.make import make_pack
    from llmexam.workflows.pack.settings import PackSettings

    if for_ not in (None, "kaggle"):
        raise SettingsError(f"expected --for kaggle, got '{for_}'", field="for")
    is_kaggle = for_ == "kaggle"
    limit = time_limit or (TIME_LIMIT if is_kaggle else "none")
    default_memory = MEMORY_BYTES if is_kaggle else None
    settings = PackSettings(
        kaggle=is_kaggle,
        freeze=freeze,
        python=python,
        platform=platform,
        name=name,
        owner=owner,
        competition=competition,
        test_file=test_file,
        gpu=gpu,
        time_limit=parse_duration(limit) if limit != "none" else None,
        extras=tuple(extra or ()),
        find_links=tuple(find_links or ()),
        no_index=no_index,
        tries=try_,
        image_python=image_python,
        n_items=questions,
        memory_bytes=default_memory if memory is None else parse_bytes(memory),
        tolerance=tolerance,
    )
    with stage_progress(plain_console(stderr=True)) as announce:
        result = make_pack(
            plan, out, settings, changes=parse_settings(set_ or []), announce=announce
        )
    if as_json:
        from json import dumps

        typer.echo(dumps(result.to_json(), indent=2))
    else:
        _show(result, plain_console())
    if result.trial is not None and not result.trial.passed:
        raise typer.Exit(1)


def _show(result: PackResult, console: Console) -> None:
    from rich.table import Table

    from llmexam.packing.sizes import show_bytes

    table = Table("part", "name", "version", "size", "licence", box=None, pad_edge=False)
    table.columns[3].justify = "right"
    # Only licences, which may be long, are wrapped.
    for column in table.columns[:4]:
        column.no_wrap = True
        column.overflow = "fold"
    for part in result.parts:
        version = f"{part.version} (image: {part.replaces})" if part.replaces else part.version
        table.add_row(part.kind, part.name, version, show_bytes(part.n_bytes), part.licence)
    console.print(table)
    totals: dict[str, int] = {}
    for part in result.parts:
        totals[part.kind] = totals.get(part.kind, 0) + part.n_bytes
    sums = ", ".join(f"{kind} {show_bytes(total)}" for kind, total in totals.items())
    console.print(f"\ntotal: {show_bytes(result.n_bytes)} ({sums})", soft_wrap=True)
    console.print(
        f"for: Python {result.python} ({result.told_by}), {result.platform}, "
        f"with {result.n_image} packages of the image",
        soft_wrap=True,
    )
    if result.built:
        console.print(f"built from source: {', '.join(result.built)}", soft_wrap=True)
    if result.trial is not None:
        _show_trial(result.trial, console)
    else:
        console.print("trial: none")
    for warning in result.warnings:
        console.print(f"warning: {warning}", soft_wrap=True)
    if result.trial is None or result.trial.passed:
        console.print(f"written: {result.folder}", soft_wrap=True)
        for step in result.next_steps:
            console.print(f"  {step}", soft_wrap=True)
    else:
        console.print(
            "not written: the scores or the submission differ from those computed on this machine",
            soft_wrap=True,
        )


def _show_trial(trial: TrialReport, console: Console) -> None:
    from llmexam.packing.sizes import show_bytes

    limit = f", limit {show_bytes(trial.memory_bytes)}" if trial.memory_bytes else ""
    console.print(f"trial: {trial.isolation}", soft_wrap=True)
    console.print(
        f"  installed in {trial.install_seconds:.0f} s, ran {trial.n_items} questions in "
        f"{trial.run_seconds:.0f} s, peak memory {show_bytes(trial.peak_bytes)}{limit}",
        soft_wrap=True,
    )
    for one in trial.agreements:
        console.print(
            f"  {one.name}: largest difference {one.largest_difference:.2g} "
            f"(accepted: {trial.tolerance:g})",
            soft_wrap=True,
        )
    same = "equal to" if trial.same_submission else "DIFFERENT from"
    console.print(f"  submission: {same} the one computed on this machine", soft_wrap=True)
    if trial.others:
        shown = ", ".join(
            f"{name} {there} (image: {here})" for name, (here, there) in trial.others.items()
        )
        console.print(f"  other versions than in the image: {shown}", soft_wrap=True)
    if trial.missing:
        console.print(
            f"  packages of the image that the trial did not have: {', '.join(trial.missing)}",
            soft_wrap=True,
        )
