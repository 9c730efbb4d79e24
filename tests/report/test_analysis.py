from dataclasses import replace

import pytest

from llmexam.evaluation.results import Estimate
from llmexam.report.sections.calibration import calibration_view
from llmexam.report.sections.comparisons import comparisons_view
from llmexam.report.sections.section import ReportData
from llmexam.report.sections.slices import slices_view


@pytest.mark.parametrize(
    ("low", "high", "reading"),
    [
        (0.1, 0.3, "ensemble is better"),
        (-0.3, -0.1, "lexical is better"),
        (-0.1, 0.1, "no significant difference"),
        (0.0, 0.0, "no significant difference"),
    ],
)
def test_a_comparison_is_read_by_its_interval(content, low, high, reading):
    estimate = Estimate(value=(low + high) / 2, low=low, high=high)
    comparison = content.comparisons[0].model_copy(update={"difference": estimate})
    view = comparisons_view(ReportData(replace(content, comparisons=(comparison,))))
    assert view.rows[0].reading == reading


def test_a_comparison_shows_its_counts(content):
    row = comparisons_view(ReportData(content)).rows[0]
    assert (row.name_a, row.name_b) == ("ensemble", "lexical")
    # The ensemble earns 1 instead of 1/2 on rows 2 and 6.
    assert (row.difference, row.better, row.worse) == ("+0.1667", "2", "0")


def test_no_comparisons_make_no_section(content):
    assert comparisons_view(ReportData(replace(content, comparisons=()))) is None


def without(content, **changes):
    evaluation = content.final.evaluation
    choice = evaluation.choice.model_copy(update=changes)
    changed = evaluation.model_copy(update={"diagnostics": choice})
    return ReportData(replace(content, final=replace(content.final, evaluation=changed)))


def test_calibration_shows_figures_drawings_and_numbers(content):
    calibration = content.final.evaluation.choice.calibration
    view = calibration_view(ReportData(content))
    assert [f.label for f in view.facts] == ["ECE", "Brier", "Temperature"]
    assert view.facts[0].value == f"{calibration.ece:.4f}"
    assert len(view.bins) == sum(b.n > 0 for b in calibration.bins)
    assert view.coverage[-1] == ("100 %", "33.3 %")
    assert "<svg" in view.reliability
    assert "<svg" in view.risk_coverage


def test_a_submission_has_no_calibration(content, unlabelled):
    ranked = without(content, calibration=None, risk_coverage=())
    assert calibration_view(ranked) is None
    assert calibration_view(ReportData(unlabelled)) is None


def test_a_curve_without_calibration_is_shown_alone(content):
    view = calibration_view(without(content, calibration=None))
    assert (view.facts, view.reliability, view.bins) == ((), "", ())
    assert view.risk_coverage


def test_slices_are_grouped_by_property(content, unlabelled):
    view = slices_view(ReportData(content))
    by = {g.by: [(r.value, r.n) for r in g.rows] for g in view.groups}
    assert by["Options"] == [("2", "1"), ("3", "4"), ("4", "1")]
    assert "<svg" in view.axis
    assert slices_view(ReportData(unlabelled)) is None
