import io

from rich.console import Console

from llmexam.cli.progress import question_progress, stage_progress


def test_where_no_one_watches_a_stage_is_one_line():
    text = io.StringIO()
    with stage_progress(Console(file=text)) as announce:
        announce("score [red]x[/red]", 0, None)
        announce("score [red]x[/red]", 64, 200)
        announce("grade", 0, None)
    assert text.getvalue().count("\n") == 2
    assert text.getvalue().endswith("- grade\n")


def test_on_a_terminal_a_stage_has_a_bar_that_counts():
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, legacy_windows=False)
    with stage_progress(console) as announce:
        announce("score lexical", 0, None)
        announce("score lexical", 64, 200)
    assert "score lexical" in text.getvalue()
    assert "64/200" in text.getvalue()


def test_questions_are_counted():
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, legacy_windows=False)
    with question_progress(console, "lexical scores") as report:
        report(3, 4)
    assert "lexical scores" in text.getvalue()
    assert "75%" in text.getvalue()
