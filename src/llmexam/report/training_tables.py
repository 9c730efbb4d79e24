"""Tables of the results of a training run, shared by HTML page and terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import RenderableType
from rich.table import Table

from llmexam.errors import plural
from llmexam.evaluation.results import MetricResult
from llmexam.exam.audit import Finding
from llmexam.report.formats import count, duration
from llmexam.report.terminal_parts import plain_text
from llmexam.training.protocol import Estimate

GRADE_HEADS = ("exam", "questions", "before", "after", "gain", "over", "random", "longest")
_SPREAD = ("mean", "standard_deviation", "lowest", "highest")


def grade_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each graded exam, with a cell for each of `GRADE_HEADS`.

    Numbers are values of the primary metric with their intervals; the gain is that over `longest`
    where nothing was graded before. Over several splits they are means over those, and the number
    of questions is that of the first.
    """
    if "over_splits" in results:
        return [_mean_row(*item) for item in results["over_splits"]["exams"].items()]
    rows = []
    for name, told in results["exams"].items():
        gains, baselines = told["gains"], told["baselines"]
        other = "before" if "before" in gains else "longest"
        rows.append(
            [
                name,
                f"{told['n_questions']:,}",
                _estimate(told["before"]) if told["before"] else "-",
                _estimate(told["after"]),
                _interval(gains[other]["difference"], sign="+"),
                other,
                f"{baselines['random']:.4f}",
                f"{baselines['longest']:.4f}",
            ]
        )
    fold = results["out_of_fold"]
    if fold:
        references = _primary(fold).references
        rows.append(
            [
                "out of fold",
                f"{fold['n_items']:,}",
                "-",
                _estimate(fold),
                "-",
                "-",
                f"{references['random']:.4f}",
                f"{references['longest']:.4f}",
            ]
        )
    return rows


def _mean_row(name: str, told: Mapping[str, Any]) -> list[str]:
    figures = told["figures"]
    other = "before" if "before" in figures else "longest"
    return [
        name,
        f"{told['table'][0]['n_questions']:,}",
        _interval(figures["before"]) if "before" in figures else "-",
        _interval(figures["after"]),
        _interval(figures[f"gain_over_{other}"], sign="+"),
        other,
        f"{figures['random']['value']:.4f}",
        f"{figures['longest']['value']:.4f}",
    ]


def seed_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """Return the mean and spread over seeds of each exam, headings first; or an empty list."""
    rows = [
        [name, *(f"{told['over_runs'][key]:.4f}" for key in _SPREAD)]
        for name, told in results["exams"].items()
        if told["over_runs"]
    ]
    return [["exam", *(key.replace("_", " ") for key in _SPREAD)], *rows] if rows else []


def split_rows(results: Mapping[str, Any], name: str) -> list[list[str]]:
    """Return the primary metric of each split for an exam, headings first."""
    told = results["over_splits"]["exams"][name]
    shown = ("before", "after", "random", "longest")
    keys = [key for key in told["table"][0] if key in shown or key.startswith("gain")]
    heads = ["split", "questions", *(key.replace("_", " ") for key in keys)]
    rows = [
        [
            row["split"].removeprefix("split-"),
            f"{row['n_questions']:,}",
            *(f"{row[key]:{'+' if key.startswith('gain') else ''}.4f}" for key in keys),
        ]
        for row in told["table"]
    ]
    return [heads, *rows]


def splits_caption(results: Mapping[str, Any]) -> str:
    """Return an explanation of the intervals over several splits."""
    told = results["over_splits"]
    return (
        f"Means over {told['n_splits']} random splits of the same questions, with "
        f"{told['level']:.0%} t intervals over splits. The splits overlap: the "
        "interval describes the mean over all splits of these questions, not the "
        "result on a new exam."
    )


def dry_run_summary(
    estimate: Estimate,
    n_trainings: int,
    n_graded: Mapping[str, int],
    findings: Sequence[Finding],
    noun: str = "question",
) -> list[RenderableType]:
    """Return the terminal output of a dry run.

    Args:
        estimate: What one training would take.
        n_trainings: Number of models that would be trained.
        n_graded: How many questions each graded exam has.
        findings: What a person should know before.
        noun: What one item is called: a question reads evidence, a row has two texts.
    """
    read = "evidence" if noun == "question" else "texts"
    rows = {
        f"{noun}s per epoch": count(estimate.n_questions),
        "tokens per epoch": count(estimate.n_tokens),
        "steps": count(estimate.n_steps),
        f"{noun}s with truncated {read}": count(estimate.n_truncated),
        f"share of truncated {read}": f"{estimate.share_cut:.1%}",
        **({} if estimate.seconds is None else {"predicted time": duration(estimate.seconds)}),
        "predicted peak memory": f"{estimate.peak_mb:,.0f} MB",
        **estimate.details,
        "trainings": str(n_trainings),
        **{f"graded: {name}": plural(n, noun) for name, n in n_graded.items()},
    }
    table = Table(show_header=False)
    for label, text in rows.items():
        table.add_row(plain_text(label), plain_text(text))
    return [table, *(plain_text(f"- {finding.message}") for finding in findings)]


def training_summary(results: Mapping[str, Any], folder: str) -> list[RenderableType]:
    """Return the terminal output of a training run: grades, seeds, splits and findings.

    Args:
        results: What `results.json` says.
        folder: The training's folder.
    """
    rows = grade_rows(results)
    metric = results["metric"]["label"]
    # Eighty columns hold the intervals only below their values, and the rest in lines of its own.
    n_columns = GRADE_HEADS.index("over")
    cells = [[cell.replace(" (", "\n").rstrip(")") for cell in row[:n_columns]] for row in rows]
    shown: list[RenderableType] = []
    if rows:
        title = f"{results['title']}: {results['family']}, {metric}"
        shown.append(_table(title, GRADE_HEADS[:n_columns], cells))
    for row in rows:
        exam, over, random, longest = row[0], *row[n_columns:]
        gain = "" if over == "-" else f"gain over {over}; "
        shown.append(plain_text(f"{exam}: {gain}random {random}, longest option {longest}"))
    for name, told in results["exams"].items():
        if over_runs := told["over_runs"]:
            shown.append(
                plain_text(
                    f"{name}, {len(told['runs'])} seeds: mean "
                    f"{over_runs['mean']:.4f}, standard deviation "
                    f"{over_runs['standard_deviation']:.4f}; the table shows all "
                    "seeds together"
                )
            )
    if "over_splits" in results:
        shown.append(plain_text(splits_caption(results)))
        # What chooses the best step is no result.
        for name in (exam for exam in results["over_splits"]["exams"] if exam != "dev"):
            heads, *split = split_rows(results, name)
            shown.append(_table(f"{name}: {metric} of each split", heads, split))
    shown += [plain_text(f"- {finding['message']}") for finding in results["findings"]]
    return [*shown, plain_text(f"model, curves and grades: {folder}")]


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=plain_text(title), title_justify="left", box=SIMPLE)
    for number, head in enumerate(heads):
        table.add_column(plain_text(head), justify="right" if number else "left")
    for row in rows:
        table.add_row(*(plain_text(cell) for cell in row))
    return table


def _primary(grade: Mapping[str, Any]) -> MetricResult:
    return MetricResult.model_validate(grade["metrics"][0])


def _estimate(grade: Mapping[str, Any]) -> str:
    return str(_primary(grade).estimate)


def _interval(estimate: Mapping[str, float], sign: str = "") -> str:
    value = f"{estimate['value']:{sign}.4f}"
    return f"{value} ({estimate['low']:.4f} to {estimate['high']:.4f})"
