from dataclasses import replace

from llmexam.report.html import render_report
from llmexam.report.sections.section import ReportData
from llmexam.report.sections.trainings import training_views
from llmexam.training.protocol import CurvePoint

CURVE = tuple(
    CurvePoint(step, {"loss": 2 / step, "learning_rate": 1e-4, "dev_map_at_3": step / 40})
    for step in (10, 20, 30)
)


def with_curve(content):
    first, *others = content.solvers
    return replace(content, solvers=(replace(first, curve=CURVE), *others))


def test_a_trained_solver_has_its_curves(content):
    (view,) = training_views(ReportData(with_curve(content)))
    assert view.name == content.solvers[0].name
    assert [title for title, _ in view.charts] == [
        "Loss",
        "MAP@3 of the dev set",
        "Learning rate",
    ]
    page = render_report(with_curve(content))
    assert 'id="trainings"' in page
    assert 'href="#trainings"' in page
    line = '<polyline class="curve"'
    assert page.count(line) - render_report(content).count(line) == 3


def test_untrained_solvers_have_no_section(content):
    assert training_views(ReportData(content)) is None
    assert 'id="trainings"' not in render_report(content)
