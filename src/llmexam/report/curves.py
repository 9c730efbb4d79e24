"""Inline SVG charts with two axes: the reliability diagram and the risk-coverage curve.

Their view box is as wide as a phone shows them, so their letters stay readable there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from llmexam.evaluation.results import CalibrationBin, CoveragePoint
from llmexam.report.formats import fixed, percent, plural

_WIDTH, _HEIGHT = 360, 306
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 350, 10, 252
_MOST_POINTS = 240


def reliability_diagram(bins: Sequence[CalibrationBin]) -> Markup:
    """Return accuracy against confidence, a point a bin; its area grows with the questions.

    A line joins each point to the diagonal: its length is the bin's miscalibration.
    """
    filled = [b for b in bins if b.n > 0]
    most = max((b.n for b in filled), default=1)
    parts = [
        _frame("Confidence of the first choice", "Accuracy", 1.0),
        f'<line class="diagonal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>',
    ]
    for entry in filled:
        x = _x(entry.confidence)
        parts.append(
            f'<line class="gap" x1="{x}" x2="{x}" y1="{_y(entry.confidence)}" '
            f'y2="{_y(entry.accuracy)}"/>'
        )
    parts.extend(
        f'<circle class="point" cx="{_x(entry.confidence)}" cy="{_y(entry.accuracy)}" '
        f'r="{3 + 8 * math.sqrt(entry.n / most):.1f}"><title>{_told(entry)}</title></circle>'
        for entry in filled
    )
    label = "Reliability diagram. " + "; ".join(_told(entry) for entry in filled)
    return _chart(label, "".join(parts))


def _told(entry: CalibrationBin) -> str:
    return (
        f"confidence {percent(entry.confidence)}, accuracy {percent(entry.accuracy)}, "
        f"{plural(entry.n, 'question')}"
    )


def risk_coverage_curve(points: Sequence[CoveragePoint]) -> Markup:
    """Return the error among the most certain questions against how many are answered."""
    kept = _thinned(points)
    top = _round_up(max((p.risk for p in kept), default=0.0))
    path = " ".join(f"{_x(p.coverage)},{_y(p.risk / top)}" for p in kept)
    area = f"{_x(kept[0].coverage)},{_y(0)} {path} {_x(kept[-1].coverage)},{_y(0)}" if kept else ""
    body = (
        _frame("Share of questions answered", "Share of those wrong", top)
        + f'<polygon class="area" points="{area}"/><polyline class="curve" points="{path}"/>'
    )
    marks = [p for share in (0.25, 0.5, 0.75, 1.0) if (p := point_at(kept, share))]
    label = "Risk-coverage curve. " + "; ".join(
        f"{percent(p.coverage)} answered: {percent(p.risk, 1)} wrong" for p in marks
    )
    return _chart(label, body)


def point_at(points: Sequence[CoveragePoint], coverage: float) -> CoveragePoint | None:
    """Return the first point that answers at least this share, or None if there is none."""
    return next((p for p in points if p.coverage >= coverage - 1e-9), None)


def _thinned(points: Sequence[CoveragePoint]) -> list[CoveragePoint]:
    if len(points) <= _MOST_POINTS:
        return list(points)
    step = (len(points) - 1) / (_MOST_POINTS - 1)
    return [points[round(i * step)] for i in range(_MOST_POINTS)]


def _round_up(value: float) -> float:
    return next((top for top in (0.04, 0.08, 0.2, 0.4, 0.6, 0.8) if value <= top), 1.0)


def _x(share: float) -> str:
    return f"{_LEFT + share * (_RIGHT - _LEFT):.1f}"


def _y(share: float) -> str:
    return f"{_BOTTOM - share * (_BOTTOM - _TOP):.1f}"


def _frame(x_name: str, y_name: str, top: float) -> str:
    parts = []
    for i in range(5):
        share = i / 4
        x, value = _x(share), fixed(share * top, 2)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{_y(share)}" y2="{_y(share)}"/>'
            f'<text x="{_LEFT - 8}" y="{_y(share)}" dy="4" text-anchor="end">{value}</text>'
            f'<text x="{x}" y="{_BOTTOM + 25}" text-anchor="middle">{fixed(share, 2)}</text>'
        )
    middle_x, middle_y = (_LEFT + _RIGHT) / 2, (_TOP + _BOTTOM) / 2
    parts.append(
        f'<text class="name" x="{middle_x}" y="{_HEIGHT - 8}" text-anchor="middle">{x_name}</text>'
        f'<text class="name" transform="translate(12 {middle_y}) rotate(-90)" '
        f'text-anchor="middle">{y_name}</text>'
    )
    return "".join(parts)


def _chart(label: str, body: str) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{body}</svg>'
    )
