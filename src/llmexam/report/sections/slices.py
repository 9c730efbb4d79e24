"""Report section: scores on slices of the exam."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from llmexam.report.formats import count, fixed, interval
from llmexam.report.plots import axis_labels, axis_over, strip, told
from llmexam.report.sections.section import ReportData, Section


@dataclass(frozen=True, slots=True)
class SliceRow:
    """The score on one slice of the items."""

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


@dataclass(frozen=True, slots=True)
class SlicesView:
    """All slices; `axis` is drawn above them."""

    metric: str
    groups: tuple[SliceGroup, ...]
    axis: Markup


def slices_view(data: ReportData) -> SlicesView | None:
    """Return the slices by property, if there are any."""
    evaluation = data.content.final.evaluation
    if evaluation is None or not evaluation.slices:
        return None
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
        title = by[:1].upper() + by[1:]
        macro = evaluation.macro
        if macro is not None and macro.by == by:
            mean = macro.metrics[0].estimate
            title += (
                f": mean over {count(macro.n_values)} values {fixed(mean.value)} ({interval(mean)})"
            )
        groups.append(SliceGroup(title, rows))
    return SlicesView(data.metric, tuple(groups), axis_labels(axis))


SLICES = Section("slices", "Slices", slices_view)
