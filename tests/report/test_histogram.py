import re

import pytest

from llmexam.report.histogram import bin_edges, histogram
from llmexam.report.plots import Axis

AXIS = Axis(0.0, 1.0, 0.5)


def test_bars_are_as_high_as_their_counts():
    svg = histogram([0.1, 0.1, 0.1, 0.3, 0.6, 0.6], AXIS, "Scores", per_step=2)
    found = dict(re.findall(r'height="([\d.]+)" rx="1"><title>([\d.]+ to [\d.]+: \d+)', svg))
    assert {title: float(height) for height, title in found.items()} == {
        "0.00 to 0.25: 3": 84,
        "0.25 to 0.50: 1": 28,
        "0.50 to 0.75: 2": 56,
    }
    mean = re.search(r'class="reference" x1="([\d.]+)%"', svg).group(1)
    assert float(mean) == pytest.approx(30)


def test_values_beyond_the_axis_are_counted_at_its_ends():
    svg = histogram([-5.0, 7.0, 1.0], AXIS, "Scores", per_step=2)
    assert "0.00 to 0.25: 1" in svg
    assert "0.75 to 1.00: 2" in svg


def test_no_values_leave_the_axis_and_labels_are_escaped():
    svg = histogram([], AXIS, 'a "<b>"')
    assert "rx=" not in svg
    assert "reference" not in svg
    assert "<b>" not in svg


def test_edges_meet_the_ticks_of_the_axis():
    edges = bin_edges(Axis(-0.2, 0.6, 0.2), 8)
    assert len(edges) == 33
    assert {-0.2, 0.0, 0.2, 0.4, 0.6} <= set(edges.tolist())
