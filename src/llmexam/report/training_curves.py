"""Charts of a training curve: PNG file, and SVG for pages."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from llmexam.errors import MissingDependencyError
from llmexam.evaluation.metrics.registry import metric_label
from llmexam.report.charts import Frame, nice_ticks, thinned
from llmexam.storage.atomic import atomic_path
from llmexam.training.dev_metric import PREFIX
from llmexam.training.protocol import CurvePoint

_DEV_LOSS = f"{PREFIX}loss"


def write_curves(path: str | Path, curve: Sequence[CurvePoint], title: str = "") -> None:
    """Write a PNG with loss, dev metrics and learning rate over the steps, atomically.

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
    # Not pyplot, which keeps figures alive and may need a display.
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
    metrics = dict.fromkeys(
        name.removeprefix(PREFIX)
        for name in names
        if name != _DEV_LOSS and (name.startswith(PREFIX) or metric_label(name) != name)
    )
    return [
        ("Loss", [("loss", "train"), (_DEV_LOSS, "dev")]),
        *(_metric_panel(name, names) for name in metrics),
        ("Learning rate", [("learning_rate", "learning rate")]),
    ]


def _metric_panel(name: str, names: Container[str]) -> tuple[str, list[tuple[str, str]]]:
    """Return the panel of a metric of the dev set, of the training batches, or of both."""
    lines = [(name, "train"), (f"{PREFIX}{name}", "dev")]
    found = [(own, label) for own, label in lines if own in names]
    whose = {"train": " of the training batches", "dev": " of the dev set"}
    title = _label(name) + (whose[found[0][1]] if len(found) == 1 else "")
    return title, found


def _label(name: str) -> str:
    # Metrics of other tasks are not registered there; their names are words.
    return metric_label(name).replace("_", " ")


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
    name = "step"
    if len(lines) > 1:
        name += f"; {lines[0][0]}: solid, {lines[1][0]}: dashed or a ring"
    frame = Frame(
        nice_ticks(min(xs), max(max(xs), min(xs) + 1)), nice_ticks(min(ys), max(ys)), name
    )
    parts = []
    for number, (_, points) in enumerate(lines):
        kind = "curve" if number == 0 else "curve second"
        path = frame.path(thinned(points))
        parts.append(f'<polyline class="{kind}" fill="none" points="{path}"/>')
        if len(points) == 1:
            ((x, y),) = points
            circle = f'cx="{frame.x(x)}" cy="{frame.y(y)}" r="3"'
            parts.append(f'<circle class="{kind}" {circle}/>')
    told = "; ".join(
        f"{label} from {points[0][1]:.4g} at step {points[0][0]:.0f} to {points[-1][1]:.4g} at "
        f"step {points[-1][0]:.0f}"
        for label, points in lines
    )
    return frame.drawing(f"{title}: {told}", "".join(parts))
