"""Report section: scores with intervals, weights and gains of each solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from markupsafe import Markup
from rich.console import Group
from rich.table import Table

from llmexam.evaluation.alignment import align_scores
from llmexam.evaluation.results import Estimate
from llmexam.report.content import SolverResult
from llmexam.report.formats import MISSING, capital, count, fixed, interval, percent, signed
from llmexam.report.plots import Axis, axis_labels, axis_over, strip, told
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text, text_table

_NOTHING = Markup("")


@dataclass(frozen=True, slots=True)
class SolverRow:
    """Result of one solver or baseline. `kind` is "final", "solver" or "baseline"."""

    name: str
    kind: str
    score: str = ""
    interval: str = ""
    strip: Markup = _NOTHING
    secondary: str = MISSING
    secondary_interval: str = ""
    weight: str = MISSING
    gain: str = MISSING
    gain_interval: str = ""
    agreement: str = MISSING
    spread: str = MISSING
    truncated: str = MISSING


@dataclass(frozen=True, slots=True)
class SolverTable:
    """All solvers, the final result first, and which columns are not empty."""

    metric: str
    secondary: str
    rows: tuple[SolverRow, ...]
    axis: Markup
    graded: bool
    weighted: bool
    gained: bool
    rotated: bool
    several: bool


def solver_table(data: ReportData) -> SolverTable:
    """Return the table of solvers: the final result, the members, the baselines."""
    content = data.choice
    final = content.final
    results = [final, *(s for s in content.solvers if s.name != final.name)]
    graded = [r.evaluation for r in results if r.evaluation is not None]
    baselines = final.evaluation.primary.references if final.evaluation else {}
    scores = [e.primary.estimate for e in graded]
    ends = [v for score in scores for v in (score.low, score.high, score.value)]
    axis = axis_over([*ends, *baselines.values()], floor=0.0)
    reference = final.evaluation.primary.estimate.value if final.evaluation else None
    firsts = align_scores(content.exam, final.scores).ranking[:, :1]
    rows = []
    for result in results:
        theirs = align_scores(content.exam, result.scores).ranking[:, :1]
        agreement = percent(float((theirs == firsts).mean())) if len(content.exam) else MISSING
        rows.append(_solver_row(result, result is final, axis, reference, agreement))
    rows.extend(_baseline_rows(baselines, axis, reference))
    return SolverTable(
        metric=graded[0].primary.label if graded else "",
        secondary=capital(graded[0].metrics[1].label) if graded and graded[0].metrics[1:] else "",
        rows=tuple(rows),
        axis=axis_labels(axis),
        graded=bool(graded),
        weighted=any(r.weight is not None for r in results),
        gained=any(r.gain is not None for r in results),
        rotated=any(r.position is not None for r in results),
        several=len(results) > 1,
    )


def _solver_row(
    result: SolverResult, is_final: bool, axis: Axis, reference: float | None, agreement: str
) -> SolverRow:
    cut, evaluation = int(result.scores.truncated.sum()), result.evaluation
    row = SolverRow(
        name=result.name,
        kind="final" if is_final else "solver",
        weight=MISSING if result.weight is None else fixed(result.weight, 3),
        gain=signed(result.gain.difference.value) if result.gain else MISSING,
        gain_interval=interval(result.gain.difference, with_sign=True) if result.gain else "",
        agreement=MISSING if is_final else agreement,
        spread=fixed(result.position.spread if result.position else None),
        truncated=count(max(cut, evaluation.n_truncated if evaluation else 0)),
    )
    if evaluation is None:
        return row
    score = evaluation.primary.estimate
    if len(evaluation.metrics) > 1:
        second = evaluation.metrics[1].estimate
        row = replace(row, secondary=fixed(second.value), secondary_interval=interval(second))
    return replace(
        row,
        score=fixed(score.value),
        interval=interval(score),
        strip=strip(axis, score, told(score, evaluation.level), reference=reference, kind=row.kind),
    )


def _baseline_rows(
    baselines: Mapping[str, float], axis: Axis, reference: float | None
) -> list[SolverRow]:
    rows = []
    for name, value in baselines.items():
        alone = Estimate(value=value, low=value, high=value)
        drawing = strip(
            axis, alone, f"{fixed(value)}, baseline", reference=reference, kind="baseline"
        )
        rows.append(SolverRow(name, "baseline", fixed(value), "", drawing))
    return rows


def _summary(view: SolverTable) -> Group:
    shown = (
        (view.metric, view.graded),
        ("Interval", view.graded),
        (view.secondary, bool(view.secondary)),
        ("Weight", view.weighted),
        ("Spread", view.rotated),
        ("Truncated", True),
    )
    table = text_table(
        "Results of the solvers", "Solver", *(name for name, there in shown if there)
    )
    for row in view.rows:
        if row.kind == "baseline":
            continue
        cells = (row.score, row.interval, row.secondary, row.weight, row.spread, row.truncated)
        table.add_row(
            plain_text(row.name),
            *(cell for cell, (_, there) in zip(cells, shown, strict=True) if there),
            style="bold" if row.kind == "final" else "",
        )
    baselines = [f"{row.name} {row.score}" for row in view.rows if row.kind == "baseline"]
    if baselines:
        # The box leaves a blank line below a table, but none below its caption.
        table.caption = plain_text(f"Baselines: {', '.join(baselines)}\n", "dim")
        table.caption_justify = "left"
    return Group(table, *([_gains(view)] if view.gained else []))


def _gains(view: SolverTable) -> Table:
    table = text_table("Contribution of each ensemble member", "Member", "Gain", "Interval")
    for row in view.rows:
        if row.gain_interval:
            table.add_row(plain_text(row.name), row.gain, row.gain_interval)
    return table


SOLVERS = Section("solvers", "Solvers", solver_table, _summary)
