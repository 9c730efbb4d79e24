"""Report section: training curves of trained solvers."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from llmexam.report.sections.section import ReportData, Section
from llmexam.report.training_curves import curve_charts


@dataclass(frozen=True, slots=True)
class TrainingView:
    """The training curves of one solver: title and chart of each."""

    name: str
    charts: tuple[tuple[str, Markup], ...]


def training_views(data: ReportData) -> tuple[TrainingView, ...] | None:
    """Return the curves of the solvers that have some, in the order of the plan."""
    views = (
        TrainingView(solver.name, tuple(curve_charts(solver.curve)))
        for solver in data.choice.solvers
    )
    return tuple(view for view in views if view.charts) or None


TRAININGS = Section("trainings", "Training", training_views)
