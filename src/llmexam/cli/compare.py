"""`llmexam compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmexam.cli.options import (
    ClusterBy,
    ExamFormat,
    GradingEmbedder,
    GradingK,
    LoggedValues,
    SecondEmbedder,
    TaskName,
)
from llmexam.cli.reading_options import reads_exam
from llmexam.errors import SettingsError

if TYPE_CHECKING:
    from llmexam.evaluation.results import ComparisonFamily
    from llmexam.exam.parsers.options import ReadOptions

_PREDICTION = (
    "A submission (CSV: id,prediction or id,rewrite_prompt), a score file (Parquet), the folder of "
    "a run, or a log of lm-evaluation-harness, inspect_ai, HELM or an OpenAI batch."
)


@reads_exam()
def compare(
    exam: Annotated[
        Path,
        typer.Argument(
            help="Exam with answers: file, folder or pattern, or `bundled` for the sample exam. "
            "Leave it out to compare folders of runs, or logs of other harnesses.",
            show_default=False,
        ),
    ],
    a: Annotated[Path, typer.Argument(help=_PREDICTION, show_default=False)],
    others: Annotated[
        list[Path] | None,
        typer.Argument(
            help="One or more results to compare the first one with.",
            show_default=False,
        ),
    ] = None,
    task: TaskName = None,
    k: GradingK = None,
    embedder: GradingEmbedder = None,
    second_embedder: SecondEmbedder = None,
    format: ExamFormat = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Random seed of the resampling.")] = 0,
    resamples: Annotated[
        int,
        typer.Option(
            "--resamples",
            min=100,
            max=1_000_000,
            help="Number of bootstrap resamples, and of random sign flips of the permutation test.",
        ),
    ] = 10_000,
    level: Annotated[
        float,
        typer.Option("--level", min=0.5, max=0.999, help="Confidence level of the intervals."),
    ] = 0.95,
    cluster_by: ClusterBy = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            min=0.0001,
            help="Difference that does not matter, such as 0.02: also test whether the first is no "
            "worse than the others, or equivalent to them, within this margin.",
            show_default=False,
        ),
    ] = None,
    flips: Annotated[
        int,
        typer.Option(
            "--flips",
            min=0,
            max=10_000,
            help="Show up to this many questions that only the first result answers correctly, and "
            "as many that only the other does, with both rankings and the first passage. --json "
            "contains all of them. For multiple choice.",
        ),
    ] = 0,
    logged_values: LoggedValues = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    *,
    reading: ReadOptions,
) -> None:
    """Compare predictions, or runs, with paired tests.

    Reports the difference in each metric with a paired bootstrap interval, and the p value of a
    paired permutation test: the probability of a difference this large if neither is better. For
    prompt recovery, groups of near-equal prompts are resampled as a whole.

    If several others are given, the first one is compared with each of them, and p values are also
    adjusted by the methods of Holm and of Benjamini and Hochberg.

    Folders of runs are compared on the exam of the first run, with its evaluation settings. Logs of
    other harnesses are compared on the questions that both contain.

    Example: llmexam compare exam.csv lexical.parquet submission.csv --flips 5

    Example: llmexam compare rewrites.csv a.csv b.csv --embedder bundled

    Example: llmexam compare runs/first runs/second --margin 0.02

    Example: llmexam compare first.eval second.eval --flips 5
    """
    options: dict[str, Any] = {
        "k": k,
        "embedder": embedder,
        "second_embedder": second_embedder,
        "n_resamples": resamples,
        "seed": seed,
        "level": level,
        "cluster_by": cluster_by,
        "margin": margin,
    }
    from llmexam.harness.reading import is_log

    rest = others or []
    if is_log(exam) and all(map(is_log, [a, *rest])):
        found = _compare_logs([exam, a, *rest], {**options, "logged_values": logged_values})
    elif logged_values:
        raise SettingsError("only logs have logged values", field="--logged-values", file=exam)
    elif not rest or (exam / "run.json").is_file():
        found = _compare_runs([exam, a, *rest], options, task, reading)
    else:
        found = _compare_files(exam, [a, *rest], options, task, reading)
    if as_json:
        # One comparison has the layout that it had before there were several.
        shown = found if len(found.comparisons) > 1 else found.comparisons[0]
        typer.echo(shown.model_dump_json(indent=2))
        return
    from llmexam.cli.console import plain_console
    from llmexam.report.comparison_tables import family_summary, flip_list
    from llmexam.report.terminal_parts import show

    console = plain_console()
    show(console, family_summary(found))
    if flips:
        for one in found.comparisons:
            show(console, flip_list(one, flips))


def _compare_logs(logs: Sequence[Path], options: dict[str, Any]) -> ComparisonFamily:
    from llmexam.workflows.harness_logs import compare_logs

    # Options of prompt recovery do not apply.
    known = {key: value for key, value in options.items() if "embedder" not in key}
    return compare_logs(logs[0], logs[1:], **known)


def _compare_runs(
    folders: Sequence[Path],
    options: dict[str, Any],
    task: str | None,
    reading: ReadOptions,
) -> ComparisonFamily:
    from llmexam.workflows.compare_runs import compare_several_runs

    if task is not None or reading.format or reading.fields or reading.beyond_fields:
        raise SettingsError(
            "the folders of runs say what their exam is",
            hint="Remove --task, --format, --field and other options of reading, or name the exam",
        )
    return compare_several_runs(folders[0], folders[1:], **options)


def _compare_files(
    exam: Path,
    predictions: Sequence[Path],
    options: dict[str, Any],
    task: str | None,
    reading: ReadOptions,
) -> ComparisonFamily:
    from llmexam.exam.parsers.options import ExamSource
    from llmexam.workflows.compare import compare_several

    source = ExamSource(exam, reading)
    return compare_several(source, predictions[0], predictions[1:], task=task, **options)
