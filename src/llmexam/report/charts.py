"""Inline SVG charts: axes and frame of all curves.

The view box has the width of a phone, so that text stays readable there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 360, 306
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 350, 10, 252
_MOST_POINTS = 240
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Point = TypeVar("Point")


@dataclass(frozen=True)
class Frame:
    """The axes of a chart, each from its first tick to its last.

    Attributes:
        x_ticks: Values of the ticks of the horizontal axis, rising; at least two.
        y_ticks: Values of the ticks of the vertical axis, likewise.
        x_name: What the horizontal axis shows.
        y_name: What the vertical axis shows; empty where the title of the chart says it.
        write: How a tick's value is written.
    """

    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    x_name: str
    y_name: str = ""
    write: Callable[[float], str] = "{:,.10g}".format

    def x(self, value: float) -> str:
        """Return the x coordinate of a value."""
        return f"{_LEFT + _share(value, self.x_ticks) * (_RIGHT - _LEFT):.1f}"

    def y(self, value: float) -> str:
        """Return the y coordinate of a value."""
        return f"{_BOTTOM - _share(value, self.y_ticks) * (_BOTTOM - _TOP):.1f}"

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """Return points as SVG coordinates."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)

    def drawing(self, label: str, body: str) -> Markup:
        """Return the chart: the axes, and on them what was drawn.

        Args:
            label: The text alternative.
            body: SVG elements; every text in them is escaped.
        """
        return Markup(
            f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'aria-label="{escape(label)}">{self._axes()}{body}</svg>'
        )

    def _axes(self) -> str:
        parts = [
            f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{self.y(tick)}" '
            f'y2="{self.y(tick)}"/><text x="{_LEFT - 8}" y="{self.y(tick)}" dy="4" '
            f'text-anchor="end">{self.write(tick)}</text>'
            for tick in self.y_ticks
        ]
        parts.extend(
            f'<text x="{self.x(tick)}" y="{_BOTTOM + 25}" text-anchor="middle">'
            f"{self.write(tick)}</text>"
            for tick in self.x_ticks
        )
        parts.append(
            f'<text class="name" x="{(_LEFT + _RIGHT) / 2}" y="{_HEIGHT - 8}" '
            f'text-anchor="middle">{escape(self.x_name)}</text>'
        )
        if self.y_name:
            parts.append(
                f'<text class="name" transform="translate(12 {(_TOP + _BOTTOM) / 2}) rotate(-90)" '
                f'text-anchor="middle">{escape(self.y_name)}</text>'
            )
        return "".join(parts)


def _share(value: float, ticks: Sequence[float]) -> float:
    return (value - ticks[0]) / (ticks[-1] - ticks[0])


def nice_ticks(low: float, high: float, n_most: int = 5) -> list[float]:
    """Return evenly spaced round numbers that enclose all values.

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


def thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Return an evenly spaced subset of points for a chart, including the first and last."""
    if len(points) <= _MOST_POINTS:
        return points
    step = (len(points) - 1) / (_MOST_POINTS - 1)
    return [points[round(i * step)] for i in range(_MOST_POINTS)]
