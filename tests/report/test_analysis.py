from dataclasses import replace

import pytest

from llmexam.evaluation.multiplicity import WITH_FINAL, adjust
from llmexam.evaluation.results import ClusterInfo, Equivalence, Estimate
from llmexam.report.sections.calibration import calibration_view
from llmexam.report.sections.comparisons import comparisons_view
from llmexam.report.sections.score import view_headline
from llmexam.report.sections.section import ReportData
from llmexam.report.sections.slices import slices_view
from llmexam.report.statistics import equivalence_notes


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


def test_several_comparisons_show_adjusted_p_values(content):
    one = content.comparisons[0].model_copy(update={"p_value": 0.04})
    estimate = Estimate(value=0.2, low=0.1, high=0.3)
    several = adjust([one.model_copy(update={"difference": estimate})] * 3, WITH_FINAL)
    view = comparisons_view(ReportData(replace(content, comparisons=several)))
    assert (view.rows[0].p, view.rows[0].holm, view.rows[0].bh) == ("0.040", "0.120", "0.040")
    assert view.rows[0].reading == "ensemble is better, but not significantly after Holm"
    assert "adjusted for the 3 comparisons with the final result by MAP@3" in view.adjustment
    assert comparisons_view(ReportData(content)).adjustment == ""


@pytest.mark.parametrize(
    ("verdict", "said", "n_notes"),
    [
        ("equivalent", "ensemble and lexical are equivalent within 0.02", 1),
        ("not worse", "ensemble is not worse than lexical by more than 0.02", 1),
        ("undecided", "undecided whether ensemble is worse than lexical by more than 0.02", 2),
    ],
)
def test_a_margin_is_judged_in_words(content, verdict, said, n_notes):
    found = Equivalence(
        margin=0.02,
        alpha=0.05,
        interval=Estimate(value=0.2, low=0.1, high=0.3),
        verdict=verdict,
        n_for_not_worse=1392,
        n_for_equivalence=1927,
    )
    estimate = Estimate(value=0.2, low=0.1, high=0.3)
    one = content.comparisons[0].model_copy(update={"equivalence": found, "difference": estimate})
    notes = equivalence_notes(one, "question")
    assert said in notes[0]
    assert len(notes) == n_notes
    assert "90 % interval of the difference +0.1000 to +0.3000" in notes[0]
    if n_notes == 2:
        assert "1,392 questions" in notes[1]
        assert "1,927" in notes[1]


def test_the_score_card_names_clusters_and_the_measured_correlation(content):
    evaluation = content.final.evaluation
    clusters = ClusterInfo(by="source", n_clusters=3, largest=2, design_effect=2.25)
    graded = evaluation.model_copy(update={"clusters": clusters})
    measured = content.comparisons[0].model_copy(update={"correlation": 0.75})
    final = replace(content.final, evaluation=graded)
    changed = replace(content, final=final, comparisons=(measured,))
    text = " ".join(view_headline(ReportData(changed)).reading)
    assert "(measured correlation 0.75)" in text
    assert "resample 3 clusters by source, the largest with 2 questions; design effect 2.25" in text
    assert "1.50 times those of independent questions" in text
    assert "fewer than 20 clusters" in text
    alone = replace(content, comparisons=())
    assert "(assumed correlation 0.50)" in " ".join(view_headline(ReportData(alone)).reading)
