"""The curve of a training as pictures: one PNG, and SVG for a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from llmexam.errors import MissingDependencyError
from llmexam.evaluation.metrics.registry import metric_label
from llmexam.storage.atomic import atomic_path
from llmexam.training.dev_metric import PREFIX
from llmexam.training.protocol import CurvePoint

_DEV_LOSS = f"{PREFIX}loss"
_WIDTH, _HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 350, 10, 200
_MOST_POINTS = 240
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def write_curves(path: str | Path, curve: Sequence[CurvePoint], title: str = "") -> None:
    """Draw loss, metrics of the dev questions and learning rate into a PNG, whole or not at all.

    Args:
        path: The file.
        curve: What was measured.
        title: Headline of the picture.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingDependencyError("drawing the curves", "matplotlib", "train") from None
    panels = _panels(curve)
    # Not pyplot: it keeps figures, and may ask for a screen.
    figure = Figure(figsize=(4.5 * max(len(panels), 1), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (name, lines) in enumerate(panels):
        axes: Any = figure.add_subplot(1, len(panels), place + 1)
        for label, points in lines:
            marker = "o" if len(points) < 30 else None
            axes.plot(*zip(*points, strict=True), label=label, marker=marker, markersize=3)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(fontsize=8)
    if title:
        figure.suptitle(title, parse_math=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def curve_charts(curve: Sequence[CurvePoint]) -> list[tuple[str, Markup]]:
    """Return inline SVG for a page: title and drawing of each panel that has points.

    Colours are set by the page's style sheet: lines have the class `curve`, and the second line
    of a panel `curve second`.
    """
    return [(name, _chart(name, lines)) for name, lines in _panels(curve)]


_Line = tuple[str, list[tuple[float, float]]]


def _layout(curve: Sequence[CurvePoint]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the title of each panel, and the values that it shows: name and what it is called."""
    names = dict.fromkeys(name for point in curve for name in point.values)
    metrics = [name for name in names if name.startswith(PREFIX) and name != _DEV_LOSS]
    return [
        ("Loss", [("loss", "train"), (_DEV_LOSS, "dev")]),
        *(
            (f"{metric_label(name.removeprefix(PREFIX))} of the dev questions", [(name, "dev")])
            for name in metrics
        ),
        ("Learning rate", [("learning_rate", "learning rate")]),
    ]


def _panels(curve: Sequence[CurvePoint]) -> list[tuple[str, list[_Line]]]:
    panels = []
    for title, values in _layout(curve):
        lines: list[_Line] = []
        for name, label in values:
            points = [(float(p.step), p.values[name]) for p in curve if name in p.values]
            points = [point for point in points if math.isfinite(point[1])]
            if points:
                lines.append((label, points))
        if lines:
            panels.append((title, lines))
    return panels


def _chart(title: str, lines: Sequence[_Line]) -> Markup:
    xs = [x for _, points in lines for x, _ in points]
    ys = [y for _, points in lines for _, y in points]
    low_x, high_x = min(xs), max(max(xs), min(xs) + 1)
    ticks = nice_ticks(min(ys), max(ys))

    def place(x: float, y: float) -> tuple[str, str]:
        across = (x - low_x) / (high_x - low_x)
        up = (y - ticks[0]) / (ticks[-1] - ticks[0])
        return (
            f"{_LEFT + across * (_RIGHT - _LEFT):.1f}",
            f"{_BOTTOM - up * (_BOTTOM - _TOP):.1f}",
        )

    parts = []
    for tick in ticks:
        y = place(low_x, tick)[1]
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{_LEFT - 8}" y="{y}" dy="4" text-anchor="end">{tick:.4g}</text>'
        )
    for step, anchor in ((low_x, "start"), (high_x, "end")):
        x = place(step, ticks[0])[0]
        parts.append(f'<text x="{x}" y="{_BOTTOM + 16}" text-anchor="{anchor}">{step:.0f}</text>')
    middle = (_LEFT + _RIGHT) / 2
    caption = "step"
    if len(lines) > 1:
        caption += f"; {lines[0][0]}: solid, {lines[1][0]}: dashed or a ring"
    parts.append(
        f'<text class="name" x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{caption}</text>'
    )
    for number, (_, points) in enumerate(lines):
        kind = "curve" if number == 0 else "curve second"
        path = " ".join(",".join(place(x, y)) for x, y in _thinned(points))
        parts.append(f'<polyline class="{kind}" fill="none" points="{path}"/>')
        if len(points) == 1:
            x, y = place(*points[0])
            parts.append(f'<circle class="{kind}" cx="{x}" cy="{y}" r="3"/>')
    told = "; ".join(
        f"{label} from {points[0][1]:.4g} at step {points[0][0]:.0f} to {points[-1][1]:.4g} at "
        f"step {points[-1][0]:.0f}"
        for label, points in lines
    )
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}: {escape(told)}">{"".join(parts)}</svg>'
    )


def nice_ticks(low: float, high: float, n_most: int = 5) -> list[float]:
    """Return round numbers, evenly apart, that hold all values between them.

    >>> nice_ticks(0.37, 0.61)
    [0.3, 0.4, 0.5, 0.6, 0.7]
    """
    span = max(high - low, 0.05 * max(abs(high), abs(low)), 1e-12)
    size = 10 ** math.floor(math.log10(span / n_most))
    step = next(
        step * size
        for step in _STEPS
        if math.ceil(high / (step * size)) - math.floor(low / (step * size)) <= n_most
        or step == _STEPS[-1]
    )
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    if len(points) <= _MOST_POINTS:
        return points
    step = (len(points) - 1) / (_MOST_POINTS - 1)
    return [points[round(i * step)] for i in range(_MOST_POINTS)]
