"""`llmexam ensemble`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import ExamFormat, TaskName
from llmexam.cli.reading_options import reads_exam
from llmexam.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.exam.parsers.options import ReadOptions
    from llmexam.tasks.capabilities import Combined


@reads_exam()
def ensemble(
    scores: Annotated[
        list[str],
        typer.Argument(
            help="Score files (Parquet); for prompt recovery submissions (CSV), files of answers "
            "or folders of runs. A member is named after its file, or by NAME in NAME=PATH.",
            show_default=False,
        ),
    ],
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="Combination method: mean-z (default), log-linear, mean-softmax, "
            "max-probability, rank-fusion or vote; for prompt recovery: agreement (default) or "
            "gate.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            help="NAME=NUMBER for each member (repeatable, or separated by commas), or a "
            "weights file. Defaults to equal weights; a gate has no default.",
            show_default=False,
        ),
    ] = None,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit",
            help="Fit weights, or the thresholds of a gate, on the answers of --exam: by maximum "
            "likelihood; for prompt recovery the best of a grid. Results are out of fold.",
        ),
    ] = False,
    greedy: Annotated[
        bool,
        typer.Option(
            "--greedy",
            help="Fit weights by forward selection on the answers of --exam. Scores are "
            "out of fold.",
        ),
    ] = False,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            help="Objective of --greedy: log-likelihood (default), map, accuracy or accuracy-at-k.",
            show_default=False,
        ),
    ] = None,
    exam: Annotated[
        Path | None,
        typer.Option(
            "--exam",
            help="Exam file. With answers, the ensemble and its members are graded.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Output score file (.parquet).", show_default=False)
    ] = None,
    out_weights: Annotated[
        Path | None,
        typer.Option("--out-weights", help="Output weights file (.json).", show_default=False),
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option("--submission", help="Output submission (.csv).", show_default=False),
    ] = None,
    task: TaskName = None,
    embedder: Annotated[
        str | None,
        typer.Option(
            "--embedder",
            help="Embedder of agreement and grades: `bundled`, a folder or a Hugging Face name. "
            "Default: sentence-transformers/sentence-t5-base. For prompt recovery.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(
            "--k",
            min=1,
            max=26,
            help="Number of options per question in the submission. Default: 3. For multiple "
            "choice.",
            show_default=False,
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            help="Softmax temperature of mean-softmax and max-probability (default: 1), or of the "
            "candidates for a recovered prompt (default: 0, only the answer counts).",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds", help="Number of cross-validation folds of --fit and --greedy. Default: 5."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Random seed of the folds. Default: 0.")
    ] = None,
    format: ExamFormat = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    *,
    reading: ReadOptions,
) -> None:
    """Combine answers of several solvers into an ensemble, with equal, given or fitted weights.

    Scores are averaged. Of recovered prompts, the one with the best mean sharpened cosine to those
    of all members is chosen for each row; with --method gate, the prompt of the first member, in
    the order given, whose confidence reaches its fitted threshold.

    The contribution of a member is the metric of the ensemble minus that of the ensemble without
    this member.

    Fit weights on one exam and apply them to another: with --fit or --greedy, the results written
    and graded are out of fold, and --out-weights saves the weights for a later --weights.

    Example: llmexam ensemble a.parquet b.parquet --exam train.csv --fit --out-weights w.json

    Example: llmexam ensemble test/a.parquet test/b.parquet --weights w.json --submission sub.csv

    Example: llmexam ensemble a.csv b.csv c.csv --exam rewrites.csv --fit --submission sub.csv

    Example: llmexam ensemble runs/a/answers/fine-tuned.json runs/b/answers/regressor.json
    --exam rewrites.csv --method gate --fit --out-weights gate.json
    """
    from llmexam.exam.parsers.options import ExamSource
    from llmexam.tasks.capabilities import CombineRequest, ExamFile
    from llmexam.workflows.ensemble import ensemble as combine_answers

    if not (exam or out or out_weights or submission):
        raise SettingsError(
            "no output requested",
            hint="Give --out, --submission or --exam",
        )
    other = f"--{reading.beyond_fields[0].replace('_', '-')}" if reading.beyond_fields else ""
    given_option = "--format" if format is not None else "--field" if reading.fields else other
    if exam is None and given_option:
        raise SettingsError(
            f"{given_option} is given without an exam",
            hint="Give the exam as well, or remove the option",
        )
    given, weights_file = _parse_weights(weights or [])
    options = {
        "method": method,
        "greedy_metric": metric,
        "temperature": temperature,
        "n_folds": folds,
        "seed": seed,
        "k": k,
        "embedder": embedder,
    }
    outcome = combine_answers(
        CombineRequest(
            members=scores,
            exam=None if exam is None else ExamFile.of(ExamSource(exam, reading)),
            weights=_choose_weights(given, fit, greedy, weights_file),
            weights_file=weights_file,
            out=out,
            out_weights=out_weights,
            submission=submission,
            options={key: value for key, value in options.items() if value is not None},
        ),
        task=task,
    )
    written = {"out": out, "out_weights": out_weights, "submission": submission}
    if as_json:
        _print_json(outcome, written)
        return
    from llmexam.cli.console import plain_console

    _show(outcome, written, plain_console(), plain_console(stderr=True))


def _parse_weights(texts: Sequence[str]) -> tuple[dict[str, float | str], Path | None]:
    """Tell weights from a weights file; the weight of a gate's member may be a word."""
    if len(texts) == 1 and ("=" not in texts[0] or Path(texts[0]).is_file()):
        return {}, Path(texts[0])
    weights: dict[str, float | str] = {}
    for pair in (part.strip() for text in texts for part in text.split(",")):
        before, equals, number = pair.rpartition("=")
        name = before.strip()
        if not equals or not name:
            raise SettingsError(
                f"expected NAME=NUMBER, got '{pair}'", field="--weights", hint=_WEIGHTS_HINT
            )
        if name in weights:
            raise SettingsError(f"two weights for '{name}'", field="--weights")
        if number in ("always", "never"):
            weights[name] = number
            continue
        try:
            weights[name] = float(number)
        except ValueError:
            raise SettingsError(
                f"expected a number as weight of '{name}', got '{number}'", field="--weights"
            ) from None
    return weights, None


_WEIGHTS_HINT = "Write --weights lexical=2,bi-encoder=1, or give one weights file"


def _choose_weights(
    given: dict[str, float | str], fit: bool, greedy: bool, weights_file: Path | None
) -> dict[str, float | str] | str | None:
    if fit and greedy:
        raise SettingsError("--fit and --greedy exclude each other", hint="Remove one of them")
    if (fit or greedy) and (given or weights_file):
        raise SettingsError(
            "weights are both given and fitted", hint="Remove --weights, or --fit or --greedy"
        )
    return "fitted" if fit else "greedy" if greedy else given or None


def _print_json(outcome: Combined, written: dict[str, Path | None]) -> None:
    import json

    files = {key: path and str(path) for key, path in written.items()}
    typer.echo(json.dumps({**outcome.as_dict(), **files}, indent=2, ensure_ascii=False))


def _show(
    outcome: Combined, written: dict[str, Path | None], console: Console, errors: Console
) -> None:
    from llmexam.report.terminal_parts import plain_text, show

    files = (plain_text(f"Wrote {path}") for path in written.values() if path)
    show(console, [outcome.table, *files])
    if outcome.warning:
        show(errors, [plain_text(f"warning: {outcome.warning}")])
