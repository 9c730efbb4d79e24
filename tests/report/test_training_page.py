"""Pages and terminal output of trainings, from results as a training writes them."""

from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from llmexam.report.terminal_parts import show
from llmexam.report.training_page import training_page
from llmexam.report.training_tables import dry_run_summary, training_summary
from llmexam.training.protocol import CurvePoint, Estimate

CURVE = tuple(
    CurvePoint(step, {"loss": 2 / step, "dev_loss": 3 / step, "learning_rate": 1e-4 * step})
    for step in range(1, 2000, 50)
)


def trained(*names):
    return {name: SimpleNamespace(curve=CURVE) for name in names}


def printed(parts, width=80):
    console = Console(file=StringIO(), width=width, color_system=None)
    show(console, parts)
    return console.file.getvalue()


def test_the_page_shows_grades_curves_and_provenance(training_results):
    page = training_page(training_results, trained("seed-0", "seed-1"))
    for text in (
        "trained on 12,345 questions.",
        "What it measures.",
        "MAP@3 over seeds",
        '<td class="n">0.7100</td>',
        "+0.2500 (0.1000 to 0.4000)",
        "Curves of <bdi>seed-1</bdi>",
        "found [something]",
        "a note",
        "exam.csv",
        "llmexam train recipe.yaml",
        "A [bold] training &lt;b&gt;",
    ):
        assert text in page
    assert page.count("<svg") == 4  # loss and learning rate of two runs
    assert "someone" not in page
    assert "script-src &#39;none&#39;" in page


def test_a_training_without_exams_says_so(training_results):
    page = training_page({**training_results, "exams": {}}, {})
    assert "No exam was graded." in page
    assert "Curves" not in page


def test_the_terminal_shows_brackets_and_long_lines_whole(training_results):
    text = printed(training_summary(training_results, "/tmp/" + "x" * 100))
    assert "A [bold] training <b>: bi-encoder, MAP@3" in text.replace("\n", "")
    assert "gain over before; random 0.3600, longest option 0.4100" in text
    assert "2 seeds: mean 0.7000, standard deviation 0.0100" in text
    assert "- found [something]" in text
    assert "/tmp/" + "x" * 100 in text


@pytest.mark.parametrize(("seconds", "is_shown"), [(95.0, True), (None, False)])
def test_a_time_that_is_not_known_is_not_shown(seconds, is_shown):
    estimate = Estimate(40, 900, 7, 0, 0.0, seconds, 123.0, {"time, lower bound": "3 s"})
    text = printed(dry_run_summary(estimate, 1, {"dev [x]": 1}, ()))
    assert ("predicted time" in text) == is_shown
    assert ("1 min 35 s" in text) == is_shown
    assert "time, lower bound" in text
    assert "graded: dev [x]" in text


def test_pages_have_one_style_and_one_chart():
    """Pages are drawn in the report room only; commands print lists of their own (`cli`)."""
    source = Path(training_page.__code__.co_filename).parent.parent
    signs = ("<svg", "<table", "<style", "rich.table")
    drawing = {
        path.relative_to(source).parts[0]
        for path in source.rglob("*.py")
        if any(sign in path.read_text("utf-8") for sign in signs)
    }
    assert drawing - {"cli"} == {"report"}
