"""Inline SVG without a view box: x in percent, y in pixels.

Such a plot scales to any width while points, lines and text keep their size, so one drawing works
on phones and desktops. Colours are set by the style sheet through class names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from llmexam.evaluation.results import Estimate, LetterRecall
from llmexam.report.formats import fixed, interval, percent

_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
_MOST_TICKS = 6
# Labels below a forest plot in its narrowest column, 9 rem.
_MOST_LABELS = 4
MOST_WITH_NUMBERS = 6
"""How many places among the options have the number below their bar; more would not fit."""
# Narrowest page that the labels of the range bar must fit: 300 px, at 6.6 px a character.
_PERCENT_PER_CHARACTER = 6.6 / 3.0


@dataclass(frozen=True)
class Axis:
    """A horizontal axis.

    Attributes:
        low: Value at the left end.
        high: Value at the right end.
        step: Distance of its ticks.
    """

    low: float
    high: float
    step: float

    def at(self, value: float) -> float:
        """Return the position of a value in percent of the width, clipped to the axis.

        >>> Axis(0.5, 1.0, 0.1).at(0.75)
        50.0
        """
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    @property
    def ticks(self) -> list[float]:
        """Values of the ticks, ends included."""
        n = round((self.high - self.low) / self.step)
        return [round(self.low + i * self.step, 6) for i in range(n + 1)]


def axis_over(values: Sequence[float], floor: float = -1.0, ceiling: float = 1.0) -> Axis:
    """Return an axis with round limits that encloses all values, within a floor and a ceiling.

    >>> axis_over([0.37, 0.94], floor=0.0)
    Axis(low=0.2, high=1.0, step=0.2)
    """
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = max(min(finite), floor), min(max(finite), ceiling)
    span = max(high - low, 0.02)
    step = next((s for s in _STEPS if span / s <= _MOST_TICKS - 1), 1.0)
    start = max(math.floor(low / step + 1e-9) * step, floor)
    end = min(math.ceil(high / step - 1e-9) * step, ceiling)
    if end - start < step / 2:
        start, end = (start, start + step) if start + step <= ceiling else (start - step, start)
    return Axis(round(start, 6), round(end, 6), step)


def _svg(kind: str, height: int, label: str, body: str) -> Markup:
    return Markup(
        f'<svg class="{kind}" width="100%" height="{height}" role="img" '
        f'aria-label="{escape(label)}">{body}</svg>'
    )


def _vertical(kind: str, x: float, y1: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x}%" x2="{x}%" y1="{y1}" y2="{y2}"/>'


def strip(
    axis: Axis,
    estimate: Estimate,
    label: str,
    *,
    reference: float | None = None,
    kind: str = "solver",
) -> Markup:
    """Return one row of a forest plot: the interval as a line, the value as a point.

    Args:
        axis: The axis of the whole plot.
        estimate: What to draw; an interval of no width leaves only the point.
        label: The text alternative.
        reference: A value to mark with a line through the row.
        kind: Class of the drawing: "final", "solver" or "baseline".
    """
    # The lines run beyond the drawing, and the cell cuts them: rows of any height join up.
    parts = [_vertical("grid", axis.at(t), -200, 228) for t in axis.ticks]
    if reference is not None:
        parts.append(_vertical("reference", axis.at(reference), -200, 228))
    if estimate.high > estimate.low:
        parts.append(
            f'<line class="interval" x1="{axis.at(estimate.low)}%" '
            f'x2="{axis.at(estimate.high)}%" y1="14" y2="14"/>'
        )
    x = axis.at(estimate.value)
    if kind == "baseline":
        parts.append(_vertical("point", x, 8, 20))
    else:
        parts.append(f'<circle class="point" cx="{x}%" cy="14" r="{5 if kind == "final" else 4}"/>')
    return _svg(f"strip {kind}", 28, label, "".join(parts))


def axis_labels(axis: Axis) -> Markup:
    """Return the numbers under a forest plot; hidden from screen readers, which have a table."""
    digits = 2 if axis.step < 0.1 or axis.step == 0.25 else 1
    parts = []
    ticks = axis.ticks
    for tick in ticks[:: 2 if len(ticks) > _MOST_LABELS else 1]:
        x = axis.at(tick)
        anchor = "start" if x < 1 else "end" if x > 99 else "middle"
        text = fixed(tick, 3 if axis.step < 0.01 else digits)
        parts.append(f'<text x="{x}%" y="12" text-anchor="{anchor}">{text}</text>')
    return Markup(
        f'<svg class="axis" width="100%" height="16" aria-hidden="true">{"".join(parts)}</svg>'
    )


def range_bar(
    estimate: Estimate, baselines: Mapping[str, float], difference: float, label: str
) -> Markup:
    """Return the score on a line from 0 to 1, with its interval, and baselines as flags.

    Args:
        estimate: The score.
        baselines: Value by name.
        difference: Minimum detectable difference, drawn as a bracket around the score.
        label: The text alternative.
    """
    axis = Axis(0.0, 1.0, 0.25)
    track = 30
    parts = [f'<rect class="track" x="0" width="100%" y="{track - 5}" height="10" rx="5"/>']
    left, right = axis.at(estimate.low), axis.at(estimate.high)
    parts.append(
        f'<rect class="interval" x="{left}%" width="{max(right - left, 0.4):.2f}%" '
        f'y="{track - 7}" height="14" rx="7"/>'
    )
    if difference > 0:
        start, end = axis.at(estimate.value - difference), axis.at(estimate.value + difference)
        parts.append(f'<line class="bracket" x1="{start}%" x2="{end}%" y1="9" y2="9"/>')
        parts.extend(_vertical("bracket", x, 5, 13) for x in (start, end))
    # A baseline is a tick on the track and another beside its name: no line leads from one to the
    # other, as it would run through the names between them.
    lanes = _flag_lanes({name: axis.at(value) for name, value in baselines.items()})
    height = track + 18 + 18 * (max(lanes.values(), default=-1) + 1)
    for name, value in baselines.items():
        x, base = axis.at(value), track + 26 + 18 * lanes[name]
        dx, anchor = (-5, "end") if _flies_left(name, x) else (5, "start")
        parts.append(_vertical("baseline", x, track - 8, track + 8))
        parts.append(_vertical("baseline", x, base - 10, base + 1))
        parts.append(
            f'<text class="flag" x="{x}%" dx="{dx}" y="{base}" text-anchor="{anchor}">'
            f"{escape(name)} {fixed(value)}</text>"
        )
    x = axis.at(estimate.value)
    parts.append(f'<circle class="point" cx="{x}%" cy="{track}" r="7"/>')
    scale = height + 14
    for tick in axis.ticks:
        anchor = "start" if tick == 0 else "end" if tick == 1 else "middle"
        parts.append(
            f'<text class="scale" x="{axis.at(tick)}%" y="{scale}" text-anchor="{anchor}">'
            f"{fixed(tick, 2)}</text>"
        )
    return _svg("range", scale + 4, label, "".join(parts))


def _flag_width(name: str) -> float:
    return (len(name) + 8) * _PERCENT_PER_CHARACTER


def _flies_left(name: str, x: float) -> bool:
    """Whether a flag would leave the page if it flew to the right as others do."""
    return x + _flag_width(name) > 100


def _flag_lanes(places: Mapping[str, float]) -> dict[str, int]:
    """Give each flag a lane so that none lies over another: the further left, the lower."""
    lanes: dict[str, int] = {}
    extents: dict[str, tuple[float, float]] = {}
    for name in sorted(places, key=lambda n: (places[n], n), reverse=True):
        x, width = places[name], _flag_width(name)
        low, high = (x - width, x) if _flies_left(name, x) else (x, x + width)
        taken = [lanes[other] for other, (a, b) in extents.items() if a <= high and low <= b]
        lanes[name] = max(taken, default=-1) + 1
        extents[name] = (low, high)
    return lanes


def bar(share: float, label: str, kind: str = "bar") -> Markup:
    """Return a bar that is filled to a share of its width, 0 to 1."""
    width = round(100 * min(max(share, 0.0), 1.0), 1)
    return _svg(
        kind,
        6,
        label,
        f'<rect class="track" width="100%" height="6" rx="3"/>'
        f'<rect class="fill" width="{width}%" height="6" rx="3"/>',
    )


def letter_bars(letters: Sequence[LetterRecall], accuracy: float, name: str) -> Markup:
    """Return recall by option letter as bars; the line is the accuracy.

    Places that are never the answer have no bar but a dot. The numbers stand below the letters,
    where no bar or line can reach them, and the highest bar fills the height.
    """
    height, slot = 64.0, 100 / max(len(letters), 1)
    floor = height + 2
    tight = len(letters) > MOST_WITH_NUMBERS
    scale = height / max(accuracy, *(entry.recall or 0.0 for entry in letters), 1e-9)
    parts = []
    for i, entry in enumerate(letters):
        left, middle = i * slot + slot * 0.14, (i + 0.5) * slot
        if entry.recall is None:
            parts.append(f'<circle class="none" cx="{middle:.2f}%" cy="{floor - 2}" r="1.5"/>')
        else:
            tall = max(entry.recall * scale, 1.0)
            parts.append(
                f'<rect class="letter" x="{left:.2f}%" width="{slot * 0.72:.2f}%" '
                f'y="{floor - tall:.1f}" height="{tall:.1f}" rx="2"><title>{_recall(entry)}'
                f"</title></rect>"
            )
            if not tight:
                parts.append(
                    f'<text class="amount" x="{middle:.2f}%" y="{floor + 31}" '
                    f'text-anchor="middle">{percent(entry.recall)}</text>'
                )
        parts.append(
            f'<text x="{middle:.2f}%" y="{floor + 14}" text-anchor="middle">{entry.letter}</text>'
        )
    level = floor - accuracy * scale
    parts.append(
        f'<line class="reference" x1="0" x2="100%" y1="{level:.1f}" y2="{level:.1f}"/>'
        f'<line class="base" x1="0" x2="100%" y1="{floor}" y2="{floor}"/>'
    )
    spoken = "; ".join(_recall(entry) for entry in letters)
    kind = "letters tight" if tight else "letters"
    return _svg(
        kind,
        int(floor) + (20 if tight else 36),
        f"Recall per letter of {name}. {spoken}",
        "".join(parts),
    )


def _recall(entry: LetterRecall) -> str:
    recall = "no answers" if entry.recall is None else f"recall {percent(entry.recall)}"
    return f"{entry.letter}: {recall}, right in {entry.n_answers}, chosen in {entry.n_chosen}"


def told(estimate: Estimate, level: float) -> str:
    """Return an estimate as text, for text alternatives.

    >>> told(Estimate(value=0.9, low=0.8, high=0.95), 0.95)
    '0.9000, 95 % interval 0.8000 to 0.9500'
    """
    return f"{fixed(estimate.value)}, {percent(level)} interval {interval(estimate)}"
