import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.evaluation.results import Estimate, LetterRecall
from llmexam.report import plots

shares = st.floats(min_value=0, max_value=1)


def test_places_on_an_axis_are_percent_and_stay_on_it():
    axis = plots.Axis(0.2, 0.8, 0.2)
    assert [axis.at(v) for v in (0.2, 0.5, 0.8, 0.1, 9.0)] == [0, 50, 100, 0, 100]
    assert axis.ticks == [0.2, 0.4, 0.6, 0.8]


@given(st.lists(st.floats(min_value=-1, max_value=1), max_size=8))
def test_an_axis_has_round_ends_and_holds_its_values(values):
    axis = plots.axis_over(values)
    assert -1 <= axis.low < axis.high <= 1
    assert all(axis.low - 1e-6 <= v <= axis.high + 1e-6 for v in values)
    assert 2 <= len(axis.ticks) <= 9


def test_an_axis_of_perfect_scores_ends_at_one():
    axis = plots.axis_over([1.0, 1.0], floor=0.0)
    assert axis.high == 1.0
    assert axis.low < 1.0


def test_a_strip_draws_interval_point_and_reference():
    axis = plots.Axis(0.0, 1.0, 0.25)
    estimate = Estimate(value=0.5, low=0.25, high=0.75)
    svg = ElementTree.fromstring(plots.strip(axis, estimate, "told", reference=0.1, kind="final"))
    assert svg.get("aria-label") == "told"
    assert svg.find("circle").get("cx") == "50.0%"
    interval = svg.find("line[@class='interval']")
    assert (interval.get("x1"), interval.get("x2")) == ("25.0%", "75.0%")
    assert svg.find("line[@class='reference']").get("x1") == "10.0%"


def test_a_baseline_has_no_interval_and_no_circle():
    alone = Estimate(value=0.5, low=0.5, high=0.5)
    svg = ElementTree.fromstring(
        plots.strip(plots.Axis(0.0, 1.0, 0.5), alone, "b", kind="baseline")
    )
    assert svg.find("circle") is None
    assert svg.find("line[@class='interval']") is None


def test_labels_are_escaped():
    estimate = Estimate(value=0.5, low=0.4, high=0.6)
    axis = plots.Axis(0.0, 1.0, 0.5)
    assert "<b>" not in plots.strip(axis, estimate, '"<b>')
    assert "<b>" not in plots.range_bar(estimate, {"<b>": 0.2}, 0.1, "<b>")


def test_the_range_bar_shows_score_interval_bracket_and_baselines():
    svg = ElementTree.fromstring(
        plots.range_bar(
            Estimate(value=0.5, low=0.4, high=0.7), {"random": 0.25, "longest": 0.3}, 0.1, "told"
        )
    )
    assert svg.find("circle").get("cx") == "50.0%"
    band = svg.find("rect[@class='interval']")
    assert (band.get("x"), band.get("width")) == ("40.0%", "30.00%")
    bracket = svg.find("line[@class='bracket']")
    assert (bracket.get("x1"), bracket.get("x2")) == ("40.0%", "60.0%")
    flags = [t.text for t in svg.findall("text[@class='flag']")]
    assert flags == ["random 0.2500", "longest 0.3000"]


@given(st.dictionaries(st.sampled_from(["random", "first", "longest"]), shares))
def test_flags_never_lie_over_each_other(baselines):
    svg = ElementTree.fromstring(
        plots.range_bar(Estimate(value=0.5, low=0.4, high=0.6), baselines, 0.0, "told")
    )
    extents = []
    for text in svg.findall("text[@class='flag']"):
        x, width = float(text.get("x").rstrip("%")), len(text.text) * 2.2
        low = x - width if text.get("text-anchor") == "end" else x
        extents.append((text.get("y"), low, low + width))
    for i, (lane, low, high) in enumerate(extents):
        assert not any(o == lane and a <= high and low <= b for o, a, b in extents[:i])


@pytest.mark.parametrize(("share", "width"), [(-1, "0.0%"), (0.25, "25.0%"), (7, "100.0%")])
def test_bars_stay_inside_their_track(share, width):
    svg = ElementTree.fromstring(plots.bar(share, "b"))
    assert svg.find("rect[@class='fill']").get("width") == width


def test_letter_bars_tell_all_and_mark_places_without_answers():
    letters = (
        LetterRecall(letter="A", n_answers=4, n_chosen=5, recall=0.5),
        LetterRecall(letter="B", n_answers=0, n_chosen=1, recall=None),
    )
    svg = ElementTree.fromstring(plots.letter_bars(letters, 0.5, "lexical"))
    assert "A: recall 50 %, right in 4, chosen in 5" in svg.get("aria-label")
    assert "B: no answers" in svg.get("aria-label")
    bars = svg.findall("rect")
    assert [float(b.get("height")) for b in bars] == [64.0]  # the highest fills the height
    assert len(svg.findall("circle")) == 1


def test_many_letters_leave_out_the_numbers_above_the_bars():
    letters = tuple(
        LetterRecall(letter=chr(65 + i), n_answers=1, n_chosen=1, recall=1.0) for i in range(26)
    )
    drawn = plots.letter_bars(letters, 0.5, "x")
    assert 'class="letters tight"' in drawn
    assert 'class="amount"' not in drawn


def test_axis_labels_are_hidden_from_screen_readers():
    labels = plots.axis_labels(plots.Axis(0.2, 0.8, 0.2))
    assert 'aria-hidden="true"' in labels
    assert re.findall(r">([\d.]+)</text>", labels) == ["0.2", "0.4", "0.6", "0.8"]
