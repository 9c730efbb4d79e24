"""Report section: calibration of the final result."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from llmexam.evaluation.results import Calibration
from llmexam.report.content import Fact
from llmexam.report.curves import point_at, reliability_diagram, risk_coverage_curve
from llmexam.report.formats import count, fixed, percent
from llmexam.report.sections.section import ReportData, Section

_NOTHING = Markup("")


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """Calibration of the final result; missing parts are empty."""

    facts: tuple[Fact, ...]
    reliability: Markup
    risk_coverage: Markup
    bins: tuple[tuple[str, str, str, str], ...]
    coverage: tuple[tuple[str, str], ...]


def calibration_view(data: ReportData) -> CalibrationView | None:
    """Return the calibration of the final result, or None if there is none."""
    evaluation = data.content.final.evaluation
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
        Fact("ECE", fixed(calibration.ece), "expected calibration error; 0 is best"),
        Fact("Brier", fixed(calibration.brier), "Brier score over all options, 0 to 2; 0 is best"),
        Fact(
            "Temperature",
            f"{calibration.temperature:.3g}",
            "softmax temperature; scores are divided by it",
        ),
    )


CALIBRATION = Section("calibration", "Calibration", calibration_view)
