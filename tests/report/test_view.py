from llmexam.report import view as report_view
from llmexam.report.view import view_report


def test_sections_are_those_that_have_something_to_show(content, unlabelled):
    full = [anchor for anchor, _ in view_report(content).sections]
    assert full == [
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
    bare = [anchor for anchor, _ in view_report(unlabelled).sections]
    assert bare == ["solvers", "questions", "audit", "stages", "provenance"]


def test_filters_count_the_questions(content, unlabelled):
    filters = {f.name: f.n for f in view_report(content).filters}
    assert filters == {"all": "6", "wrong": "2", "right": "4", "uncertain": "1"}
    assert {f.name for f in view_report(unlabelled).filters} == {"all", "uncertain"}


def test_short_exams_are_shown_in_full(content):
    view = view_report(content)
    assert [q.row for q in view.questions] == [1, 2, 3, 4, 5, 6]
    assert view.rest == ()
    assert "in full" not in view.questions_note


def test_of_long_exams_the_most_telling_are_shown_in_full(make_long):
    view = view_report(make_long(600))
    assert len(view.questions) == report_view.SHOWN_OF_LONG
    assert len(view.rest) == 400
    # 120 questions are wrong, and all of them are shown.
    assert sum(q.verdict == "wrong" for q in view.questions) == 120
    assert "Of 600 questions, 200 are shown in full" in view.questions_note
    rows = [q.row for q in view.questions] + [q.row for q in view.rest]
    assert sorted(rows) == list(range(1, 601))


def test_of_very_long_exams_not_even_every_line_is_shown(make_long, monkeypatch):
    monkeypatch.setattr(report_view, "MOST_IN_FULL", 10)
    monkeypatch.setattr(report_view, "SHOWN_OF_LONG", 5)
    monkeypatch.setattr(report_view, "MOST_IN_BRIEF", 7)
    view = view_report(make_long(20))
    assert (len(view.questions), len(view.rest)) == (5, 7)
    assert "but only 7 of them" in view.questions_note
