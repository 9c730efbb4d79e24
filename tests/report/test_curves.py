from xml.etree import ElementTree

from llmexam.evaluation.results import CalibrationBin, CoveragePoint
from llmexam.report import curves


def make_bin(confidence, accuracy, n):
    return CalibrationBin(low=0.0, high=1.0, n=n, confidence=confidence, accuracy=accuracy)


def test_points_lie_where_confidence_and_accuracy_are():
    svg = ElementTree.fromstring(curves.reliability_diagram([make_bin(0.5, 1.0, 4)]))
    point = svg.find("circle")
    # The plane runs from x 54 to 350 and from y 252 up to 10.
    assert (float(point.get("cx")), float(point.get("cy"))) == (202.0, 10.0)
    assert "confidence 50 %, accuracy 100 %, 4 questions" in svg.get("aria-label")


def test_areas_grow_with_the_questions_and_empty_bins_have_no_point():
    svg = ElementTree.fromstring(
        curves.reliability_diagram([make_bin(0.1, 0.1, 0), make_bin(0.5, 1, 1), make_bin(1, 1, 9)])
    )
    radii = [float(c.get("r")) for c in svg.findall("circle")]
    assert len(radii) == 2
    assert radii[0] < radii[1]


def test_a_diagram_without_bins_is_still_a_drawing():
    assert ElementTree.fromstring(curves.reliability_diagram([])).find("circle") is None
    assert ElementTree.fromstring(curves.risk_coverage_curve([])).tag == "svg"


def test_the_curve_is_told_in_words_and_scaled_to_its_risk():
    points = [CoveragePoint(coverage=c, risk=r) for c, r in ((0.5, 0.1), (1.0, 0.2))]
    svg = ElementTree.fromstring(curves.risk_coverage_curve(points))
    assert "50 % answered: 10.0 % wrong" in svg.get("aria-label")
    assert svg.find("polyline").get("points") == "202.0,131.0 350.0,10.0"


def test_long_curves_are_thinned_but_keep_their_ends():
    points = [CoveragePoint(coverage=(i + 1) / 5000, risk=0.5) for i in range(5000)]
    drawn = ElementTree.fromstring(curves.risk_coverage_curve(points)).find("polyline")
    places = drawn.get("points").split()
    assert len(places) == 240
    assert places[-1].startswith("350.0,")


def test_the_point_at_a_coverage_answers_at_least_that_share():
    points = [CoveragePoint(coverage=c, risk=0.0) for c in (0.2, 0.6)]
    assert curves.point_at(points, 0.5).coverage == 0.6
    assert curves.point_at(points, 0.9) is None
