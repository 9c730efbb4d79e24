"""Histograms as inline SVG without a view box: x in percent, y in pixels (see `plots`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from llmexam.report.formats import fixed
from llmexam.report.plots import Axis

_HEIGHT = 84
_TOP = 14


def bin_edges(axis: Axis, per_step: int) -> NDArray[np.float64]:
    """Return the edges of bins, some for each step of an axis.

    >>> bin_edges(Axis(0.0, 0.4, 0.2), 2).tolist()
    [0.0, 0.1, 0.2, 0.3, 0.4]
    """
    n = round((axis.high - axis.low) / axis.step) * per_step
    return np.round(np.linspace(axis.low, axis.high, n + 1), 9)


def histogram(values: Sequence[float], axis: Axis, label: str, *, per_step: int = 8) -> Markup:
    """Return a histogram whose highest bar fills the height; the dashed line is the mean.

    Args:
        values: The values; those outside the axis count in the outermost bins.
        axis: The horizontal axis.
        label: The text alternative.
        per_step: Number of bins in each step of the axis.
    """
    edges = bin_edges(axis, per_step)
    found = np.clip(np.asarray(values, dtype=np.float64), axis.low, axis.high)
    counts, _ = np.histogram(found, edges)
    floor, most = _TOP + _HEIGHT, max(int(counts.max(initial=0)), 1)
    parts = []
    for left, right, n in zip(edges[:-1], edges[1:], counts, strict=True):
        if not n:
            continue
        tall = max(_HEIGHT * int(n) / most, 1.5)
        x, width = axis.at(float(left)), axis.at(float(right)) - axis.at(float(left))
        parts.append(
            f'<rect class="letter" x="{x + 0.1 * width:.2f}%" width="{0.8 * width:.2f}%" '
            f'y="{floor - tall:.1f}" height="{tall:.1f}" rx="1"><title>{fixed(float(left), 2)} to '
            f"{fixed(float(right), 2)}: {int(n):,}</title></rect>"
        )
    if len(found):
        mean = axis.at(float(found.mean()))
        parts.append(
            f'<line class="reference" x1="{mean}%" x2="{mean}%" y1="{_TOP - 6}" y2="{floor}"/>'
        )
    parts.append(f'<line class="base" x1="0" x2="100%" y1="{floor}" y2="{floor}"/>')
    for tick in axis.ticks:
        x = axis.at(tick)
        anchor = "start" if x < 1 else "end" if x > 99 else "middle"
        parts.append(
            f'<text x="{x}%" y="{floor + 15}" text-anchor="{anchor}">{fixed(tick, 1)}</text>'
        )
    return Markup(
        f'<svg class="letters" width="100%" height="{floor + 20}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
