"""Views of what lies behind the score: comparisons, calibration, slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from llmexam.evaluation.results import Calibration, Comparison, Evaluation
from llmexam.report.curves import point_at, reliability_diagram, risk_coverage_curve
from llmexam.report.formats import count, fixed, interval, p_value, percent, signed
from llmexam.report.headline import Fact
from llmexam.report.plots import axis_labels, axis_over, strip, told

_NOTHING = Markup("")


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A paired comparison; `reading` says it in words."""

    name_a: str
    name_b: str
    difference: str
    interval: str
    strip: Markup
    p: str
    better: str
    worse: str
    detectable: str
    reading: str


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """Calibration of the final result; what is not there is empty."""

    facts: tuple[Fact, ...]
    reliability: Markup
    risk_coverage: Markup
    bins: tuple[tuple[str, str, str, str], ...]
    coverage: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SliceRow:
    """The score on some of the questions."""

    value: str
    n: str
    score: str
    interval: str
    strip: Markup


@dataclass(frozen=True, slots=True)
class SliceGroup:
    """The slices by one property."""

    by: str
    rows: tuple[SliceRow, ...]


def comparison_rows(comparisons: Sequence[Comparison]) -> tuple[tuple[ComparisonRow, ...], Markup]:
    """Return the comparisons, and the axis under their drawings."""
    ends = [v for c in comparisons for v in (c.difference.low, c.difference.high)]
    axis = axis_over([0.0, *ends])
    rows = []
    for c in comparisons:
        said = f"difference {signed(c.difference.value)}, {percent(c.level)} interval "
        drawing = strip(
            axis, c.difference, said + interval(c.difference, with_sign=True), reference=0.0
        )
        rows.append(
            ComparisonRow(
                c.name_a,
                c.name_b,
                signed(c.difference.value),
                interval(c.difference, with_sign=True),
                drawing,
                p_value(c.p_value),
                count(c.n_better),
                count(c.n_worse),
                fixed(c.minimum_detectable_difference),
                _verdict(c),
            )
        )
    return tuple(rows), axis_labels(axis)


def _verdict(comparison: Comparison) -> str:
    winner = comparison.winner
    return "no difference shown" if winner is None else f"{winner} is better"


def calibration_view(evaluation: Evaluation | None) -> CalibrationView | None:
    """Return the calibration of a result, or None where nothing is known of it."""
    choice = evaluation.choice if evaluation else None
    if choice is None or (choice.calibration is None and not choice.risk_coverage):
        return None
    calibration, points = choice.calibration, choice.risk_coverage
    marks = [point_at(points, share) for share in (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)]
    seen = list(dict.fromkeys(mark for mark in marks if mark is not None))
    return CalibrationView(
        facts=_calibration_facts(calibration) if calibration else (),
        reliability=reliability_diagram(calibration.bins) if calibration else _NOTHING,
        risk_coverage=risk_coverage_curve(points) if points else _NOTHING,
        bins=tuple(
            (
                f"{fixed(b.low, 2)} to {fixed(b.high, 2)}",
                count(b.n),
                percent(b.confidence, 1),
                percent(b.accuracy, 1),
            )
            for b in (calibration.bins if calibration else ())
            if b.n
        ),
        coverage=tuple((percent(p.coverage), percent(p.risk, 1)) for p in seen),
    )


def _calibration_facts(calibration: Calibration) -> tuple[Fact, ...]:
    return (
        Fact("ECE", fixed(calibration.ece), "expected calibration error, 0 is best"),
        Fact("Brier", fixed(calibration.brier), "over all options, 0 to 2, 0 is best"),
        Fact("Temperature", f"{calibration.temperature:.3g}", "scores are divided by it"),
    )


def slice_groups(evaluation: Evaluation | None) -> tuple[tuple[SliceGroup, ...], Markup]:
    """Return the slices by property, and the axis under their drawings."""
    if evaluation is None or not evaluation.slices:
        return (), _NOTHING
    slices, overall = evaluation.slices, evaluation.primary.estimate.value
    axis = axis_over(
        [overall, *(v for s in slices for v in (s.estimate.low, s.estimate.high))], floor=0.0
    )
    groups = []
    for by, members in groupby(slices, key=lambda s: s.by):
        rows = tuple(
            SliceRow(
                s.value,
                count(s.n),
                fixed(s.estimate.value),
                interval(s.estimate),
                strip(axis, s.estimate, told(s.estimate, evaluation.level), reference=overall),
            )
            for s in members
        )
        groups.append(SliceGroup(by[:1].upper() + by[1:], rows))
    return tuple(groups), axis_labels(axis)
