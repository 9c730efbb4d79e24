"""Charts of calibration: the reliability diagram and the risk-coverage curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from llmexam.errors import plural
from llmexam.evaluation.results import CalibrationBin, CoveragePoint
from llmexam.report.charts import Frame, thinned
from llmexam.report.formats import percent

_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def reliability_diagram(bins: Sequence[CalibrationBin]) -> Markup:
    """Return accuracy against confidence, one point per bin; its area is proportional to the count.

    A line joins each point to the diagonal: its length is the bin's miscalibration.
    """
    filled = [b for b in bins if b.n > 0]
    most = max((b.n for b in filled), default=1)
    frame = Frame(
        _QUARTERS, _QUARTERS, "Confidence of the first choice", "Accuracy", "{:.2f}".format
    )
    x, y = frame.x, frame.y
    parts = [f'<line class="diagonal" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>']
    parts.extend(
        f'<line class="gap" x1="{x(b.confidence)}" x2="{x(b.confidence)}" '
        f'y1="{y(b.confidence)}" y2="{y(b.accuracy)}"/>'
        for b in filled
    )
    parts.extend(
        f'<circle class="point" cx="{x(b.confidence)}" cy="{y(b.accuracy)}" '
        f'r="{3 + 8 * math.sqrt(b.n / most):.1f}"><title>{_told(b)}</title></circle>'
        for b in filled
    )
    label = "Reliability diagram. " + "; ".join(_told(entry) for entry in filled)
    return frame.drawing(label, "".join(parts))


def _told(entry: CalibrationBin) -> str:
    return (
        f"confidence {percent(entry.confidence)}, accuracy {percent(entry.accuracy)}, "
        f"{plural(entry.n, 'question')}"
    )


def risk_coverage_curve(points: Sequence[CoveragePoint]) -> Markup:
    """Return the error rate on the most certain questions against the share answered."""
    kept = thinned(points)
    top = _round_up(max((p.risk for p in kept), default=0.0))
    frame = Frame(
        _QUARTERS,
        [share * top for share in _QUARTERS],
        "Share of questions answered (coverage)",
        "Share of these that is wrong (risk)",
        "{:.2f}".format,
    )
    line = [(p.coverage, p.risk) for p in kept]
    under = [(line[0][0], 0.0), *line, (line[-1][0], 0.0)] if line else []
    marks = [p for share in _QUARTERS[1:] if (p := point_at(kept, share))]
    label = "Risk-coverage curve. " + "; ".join(
        f"{percent(p.coverage)} answered: {percent(p.risk, 1)} wrong" for p in marks
    )
    return frame.drawing(
        label,
        f'<polygon class="area" points="{frame.path(under)}"/>'
        f'<polyline class="curve" points="{frame.path(line)}"/>',
    )


def point_at(points: Sequence[CoveragePoint], coverage: float) -> CoveragePoint | None:
    """Return the first point that answers at least this share, or None if there is none."""
    return next((p for p in points if p.coverage >= coverage - 1e-9), None)


def _round_up(value: float) -> float:
    return next((top for top in (0.04, 0.08, 0.2, 0.4, 0.6, 0.8) if value <= top), 1.0)
