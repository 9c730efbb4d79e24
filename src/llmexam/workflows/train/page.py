"""The page of a training: grades, curves and findings in one HTML file that opens offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from llmexam.training.curves import curve_charts
from llmexam.training.protocol import TrainedModel

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5a6470; --line: #d5dae0;
  --paper: #fff; --mark: #1f6feb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --soft: #9aa4b0; --line: #39414b; --paper: #14181d; --mark: #6cb6ff; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
th, td { text-align: right; padding: .3rem .8rem; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.record td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.record td:first-child { white-space: nowrap; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; } svg .grid { stroke: var(--line); }
svg .curve { stroke: var(--mark); stroke-width: 2; } svg circle.curve { fill: var(--mark); }
svg .second { stroke-dasharray: 5 4; }
svg circle.second { stroke-dasharray: none; fill: none; } code { overflow-wrap: anywhere; }
"""


def training_page(results: Mapping[str, Any], trained: Mapping[str, TrainedModel]) -> str:
    """Return the page as HTML; it loads nothing and runs no script.

    Args:
        results: What `results.json` says.
        trained: The models by the name of their run.
    """
    notes = [note for notes in results["notes"].values() for note in notes]
    return _page(results, [*_grades(results), *_curves(trained)], notes)


def splits_page(results: Mapping[str, Any]) -> str:
    """Return the page of a training over several splits.

    Args:
        results: What `results.json` says, with `over_splits`.
    """
    told = results["over_splits"]
    parts = [Markup("<h2>MAP@3, mean over {} splits</h2>").format(told["n_splits"])]
    parts += [_table([list(GRADE_HEADS)], grade_rows(results)), _text(splits_caption(results))]
    for name in told["exams"]:
        heads, *rows = split_rows(results, name)
        parts += [Markup("<h2>Each split: {}</h2>").format(name), _table([heads], rows)]
    parts.append(_text("Curves and notes of a split are in training.html of its folder."))
    return _page(results, parts)


def splits_caption(results: Mapping[str, Any]) -> str:
    """Return what the intervals of a training over several splits tell, and what not."""
    told = results["over_splits"]
    return (
        f"Means over {told['n_splits']} random splits of the same questions, with "
        f"{told['level']:.0%} t intervals over splits. The splits overlap: an interval tells how "
        "well so many splits give the mean over all splits of these questions, not what a new "
        "exam would give."
    )


def split_rows(results: Mapping[str, Any], name: str) -> list[list[str]]:
    """Return the figures of each split for an exam: MAP@3, with a row of heads first."""
    told = results["over_splits"]["exams"][name]
    left_out = ("split", "n_", "accuracy", "first")
    keys = [key for key in told["table"][0] if not key.startswith(left_out)]
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


def _page(results: Mapping[str, Any], content: Sequence[Markup], notes: Sequence[str] = ()) -> str:
    each = " in the first split" if "over_splits" in results else ""
    parts = [
        Markup("<h1>{}</h1>").format(results["title"]),
        _text(f"{results['family']} trained on {results['n_train']:,} questions{each}."),
        *content,
        *_list("Findings", [finding["message"] for finding in results["findings"]]),
        *_list("Notes", notes),
        Markup("<h2>Record</h2>"),
        _table([], [[name, text] for name, text in results["provenance"].items()], "record"),
    ]
    if results["command"]:
        parts.append(Markup("<p><code>{}</code></p>").format(results["command"]))
    return Markup(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        "<title>{}</title><style>{}</style></head><body>\n{}\n</body></html>\n"
    ).format(results["title"], Markup(_STYLE), Markup("\n").join(parts))


def grade_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each graded exam, with a cell for each of `GRADE_HEADS`.

    Numbers are MAP@3 with their intervals; the gain is that over `longest` where nothing was
    graded before. Over several splits they are means over those, and the number of questions is
    that of the first.
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
                _interval(told["before"]["map_at_k"]) if told["before"] else "-",
                _interval(told["after"]["map_at_k"]),
                _interval(gains[other]["difference"], sign="+"),
                other,
                f"{baselines['random']:.4f}",
                f"{baselines['longest']:.4f}",
            ]
        )
    fold = results["out_of_fold"]
    if fold:
        rows.append(
            [
                "out of fold",
                f"{fold['n_questions']:,}",
                "-",
                _interval(fold["map_at_k"]),
                "-",
                "-",
                f"{fold['baselines']['random']:.4f}",
                f"{fold['baselines']['longest']:.4f}",
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


GRADE_HEADS = ("exam", "questions", "before", "after", "gain", "over", "random", "longest")


def _grades(results: Mapping[str, Any]) -> list[Markup]:
    rows = grade_rows(results)
    if not rows:
        return [Markup("<p>No exam was graded.</p>")]
    parts = [Markup("<h2>MAP@3</h2>"), _table([list(GRADE_HEADS)], rows)]
    spread = [
        [name, *(f"{told['over_runs'][key]:.4f}" for key in _SPREAD)]
        for name, told in results["exams"].items()
        if told["over_runs"]
    ]
    if spread:
        heads = ["exam", *(key.replace("_", " ") for key in _SPREAD)]
        parts += [Markup("<h2>MAP@3 over seeds</h2>"), _table([heads], spread)]
    return parts


_SPREAD = ("mean", "standard_deviation", "lowest", "highest")


def _curves(trained: Mapping[str, TrainedModel]) -> list[Markup]:
    parts = []
    for name, checkpoint in trained.items():
        charts = curve_charts(checkpoint.curve)
        if charts:
            drawn = [
                Markup("<figure><figcaption>{}</figcaption>{}</figure>").format(title, chart)
                for title, chart in charts
            ]
            title = "Curves" if len(trained) == 1 else f"Curves of {name}"
            parts.append(
                Markup('<h2>{}</h2><div class="charts">{}</div>').format(
                    title, Markup("").join(drawn)
                )
            )
    return parts


def _list(title: str, texts: Sequence[str]) -> list[Markup]:
    if not texts:
        return []
    items = Markup("").join(Markup("<li>{}</li>").format(text) for text in texts)
    return [Markup("<h2>{}</h2><ul>{}</ul>").format(title, items)]


def _text(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def _table(
    heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]], kind: str = "scroll"
) -> Markup:
    def line(cells: Sequence[str], tag: str) -> Markup:
        made = (Markup("<{0}>{1}</{0}>").format(Markup(tag), cell) for cell in cells)
        return Markup("<tr>{}</tr>").format(Markup("").join(made))

    body = [line(cells, "th") for cells in heads] + [line(row, "td") for row in rows]
    return Markup('<div class="{}"><table>{}</table></div>').format(kind, Markup("").join(body))


def _interval(estimate: Mapping[str, float], sign: str = "") -> str:
    value = f"{estimate['value']:{sign}.4f}"
    return f"{value} ({estimate['low']:.4f} to {estimate['high']:.4f})"
