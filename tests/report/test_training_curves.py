from xml.etree import ElementTree

import pytest

from llmexam.report.charts import nice_ticks
from llmexam.report.training_curves import curve_charts, write_curves
from llmexam.training.protocol import CurvePoint

CURVE = [
    CurvePoint(1, {"loss": 1.6, "learning_rate": 1e-4}),
    CurvePoint(2, {"loss": 1.4, "learning_rate": 5e-5, "dev_map_at_3": 0.5, "dev_loss": 1.5}),
    CurvePoint(4, {"loss": 1.2, "learning_rate": 0.0, "dev_map_at_3": 0.625, "dev_loss": 1.3}),
]


@pytest.mark.needs("train")
def test_the_picture_is_a_png_of_three_panels(tmp_path):
    write_curves(tmp_path / "curves.png", CURVE, "a $title")
    data = (tmp_path / "curves.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    assert width > 3 * height


def test_the_charts_are_drawings_with_all_points():
    charts = dict(curve_charts(CURVE))
    assert list(charts) == ["Loss", "MAP@3 of the dev set", "Learning rate"]
    loss = ElementTree.fromstring(charts["Loss"])
    lines = [e for e in loss if e.tag == "polyline"]
    assert [len(e.get("points").split()) for e in lines] == [3, 2]
    assert "train from 1.6 at step 1 to 1.2 at step 4" in loss.get("aria-label")
    points = [tuple(map(float, p.split(","))) for p in lines[0].get("points").split()]
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[0][1] < points[1][1] < points[2][1]  # down the page as the loss falls


def test_a_metric_of_the_training_batches_is_beside_that_of_the_dev_set():
    # Of Keras readers.
    both = [CurvePoint(p.step, {**p.values, "map_at_3": 0.1 * p.step}) for p in CURVE]
    charts = dict(curve_charts(both))
    assert list(charts) == ["Loss", "MAP@3", "Learning rate"]
    told = ElementTree.fromstring(charts["MAP@3"]).get("aria-label")
    assert "train from 0.1 at step 1" in told
    assert "dev from 0.5 at step 2" in told
    alone = [CurvePoint(1, {"loss": 1.0, "map_at_3": 0.5, "seconds": 2.0})]
    assert [name for name, _ in curve_charts(alone)] == ["Loss", "MAP@3 of the training batches"]


def test_what_was_not_measured_is_not_drawn():
    assert [name for name, _ in curve_charts(CURVE[:1])] == ["Loss", "Learning rate"]
    assert "<circle" in curve_charts(CURVE[:1])[0][1]
    assert curve_charts([]) == []


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1e-6, 5e-5), (3, 3), (0, 0), (-2, 7000)])
def test_ticks_hold_the_values(low, high):
    ticks = nice_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= low <= high <= ticks[-1]
    assert ticks == sorted(set(ticks))
