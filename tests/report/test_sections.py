from pathlib import Path

import pytest

from llmexam.report import terminal
from llmexam.report.html import render_report
from llmexam.report.sections import questions, section
from llmexam.report.sections.questions import questions_view
from llmexam.report.sections.registry import CHOICE_SECTIONS
from llmexam.report.sections.section import ReportData, Section

TEMPLATES = Path(terminal.__file__).parent / "templates"


def shown(content):
    data = ReportData(content)
    return [one.name for one in CHOICE_SECTIONS if one.view(data) is not None]


def view_questions(content):
    return questions_view(ReportData(content))


def test_sections_are_those_that_have_something_to_show(content, unlabelled):
    assert shown(content) == [
        "score",
        "solvers",
        "letters",
        "comparisons",
        "calibration",
        "slices",
        "hardest",
        "questions",
        "audit",
        "stages",
        "provenance",
    ]
    assert shown(unlabelled) == ["score", "solvers", "questions", "audit", "stages", "provenance"]


def test_filters_count_the_questions(content, unlabelled):
    filters = {f.name: f.n for f in view_questions(content).filters}
    assert filters == {"all": "6", "wrong": "2", "right": "4", "uncertain": "1"}
    assert {f.name for f in view_questions(unlabelled).filters} == {"all", "uncertain"}


def test_short_exams_are_shown_in_full(content):
    view = view_questions(content)
    assert [q.row for q in view.full] == [1, 2, 3, 4, 5, 6]
    assert view.rest == ()
    assert "in full" not in view.note


def test_of_long_exams_the_most_telling_are_shown_in_full(make_long):
    view = view_questions(make_long(600))
    assert len(view.full) == section.SHOWN_OF_LONG
    assert len(view.rest) == 400
    # 120 questions are wrong, and all of them are shown.
    assert sum(q.verdict == "wrong" for q in view.full) == 120
    assert "200 of 600 questions are shown in full" in view.note
    rows = [q.row for q in view.full] + [q.row for q in view.rest]
    assert sorted(rows) == list(range(1, 601))


def test_of_very_long_exams_not_even_every_line_is_shown(make_long, monkeypatch):
    monkeypatch.setattr(section, "MOST_IN_FULL", 10)
    monkeypatch.setattr(section, "SHOWN_OF_LONG", 5)
    monkeypatch.setattr(questions, "MOST_IN_BRIEF", 7)
    view = view_questions(make_long(20))
    assert (len(view.full), len(view.rest)) == (5, 7)
    assert "limited to 7" in view.note


def test_a_new_section_is_one_entry_of_the_list(content):
    """Page and terminal go through the list: neither knows a section by name."""
    mine = Section("score", "Mine", CHOICE_SECTIONS[0].view, lambda view: f"mine says {view.score}")
    page = render_report(content, (mine,))
    assert 'href="#score">Mine' in page
    assert 'id="solvers"' not in page
    printed = []
    terminal.print_report(content, type("", (), {"print": staticmethod(printed.append)})(), (mine,))
    assert printed == ["mine says 0.7778"]


@pytest.mark.parametrize("one", CHOICE_SECTIONS, ids=lambda one: one.name)
def test_every_section_has_its_own_template_and_anchor(one):
    template = (TEMPLATES / f"{one.name}.html").read_text("utf-8")
    assert f'id="{one.name}"' in template
    assert "report." not in template
