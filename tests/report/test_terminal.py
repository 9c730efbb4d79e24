from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from llmexam.evaluation.compare import compare_results
from llmexam.report.terminal import print_report


def shown(content, width=100):
    console = Console(file=StringIO(), width=width, color_system=None)
    print_report(content, console)
    return console.file.getvalue()


def test_the_summary_shows_what_matters(content):
    text = shown(content)
    for part in (
        "Optics, six questions",
        "MAP@3 0.7778  95 % interval",
        "Baselines: random",
        "ensemble - lexical",
        "+0.1667",
        "Data audit  1 error and 1 note",
        "Two prompts are the same. (rows 1 and 2)",
        "total 3.0 s",
        "run/submission.csv",
    ):
        assert part in text


@pytest.mark.parametrize("width", [80, 100])
def test_numbers_stay_on_their_line(content, width):
    row = next(line for line in shown(content, width).splitlines() if line.startswith(" lexical"))
    lexical = content.solvers[0].evaluation
    assert f"{lexical.primary.estimate.value:.4f}" in row
    assert f"{lexical.primary.estimate.low:.4f} to {lexical.primary.estimate.high:.4f}" in row
    assert "0.750" in row


def test_without_answers_only_rankings_are_announced(unlabelled):
    text = shown(unlabelled)
    assert "rankings without grades" in text
    assert "MAP@" not in text
    assert "Baselines" not in text


def test_names_are_no_markup_and_steer_no_terminal(content):
    named = replace(content.final, name="[red]x[/red]\x1b[2J")
    text = shown(replace(content, final=named))
    assert "[red]x[/red]" in text
    assert "\x1b" not in text


def test_what_is_absent_is_not_shown(content):
    text = shown(replace(content, comparisons=(), stages=(), files={}, audit=()))
    assert "Paired" not in text
    assert "Time and memory" not in text
    assert "Files" not in text
    assert "no findings" in text


def test_many_findings_are_cut(content):
    text = shown(replace(content, audit=content.audit * 10))
    assert "and 12 more in the report" in text


def test_gains_have_a_table_of_their_own(content):
    assert "Contribution of each ensemble member" not in shown(content)
    lexical, *others = content.solvers
    gain = compare_results(content.exam, content.final.scores, lexical.scores)
    text = shown(replace(content, solvers=(replace(lexical, gain=gain), *others)), width=80)
    table = text.split("Contribution of each ensemble member")[1].split("Paired comparisons")[0]
    rows = [line.split() for line in table.splitlines() if line.startswith(" lexical")]
    assert rows[0][1] == f"{gain.difference.value:+.4f}"
    assert "letters" not in table
