from dataclasses import replace

from llmexam.evaluation.compare import compare_results
from llmexam.report.formats import MISSING, interval, signed
from llmexam.report.sections import letters, solvers
from llmexam.report.sections.section import ReportData


def solver_table(content):
    return solvers.solver_table(ReportData(content))


def test_the_final_result_comes_first_then_members_then_baselines(content):
    table = solver_table(content)
    assert [(r.name, r.kind) for r in table.rows] == [
        ("ensemble", "final"),
        ("lexical", "solver"),
        ("letters", "solver"),
        ("random", "baseline"),
        ("first", "baseline"),
        ("longest", "baseline"),
    ]
    assert (table.metric, table.graded, table.weighted, table.rotated) == ("MAP@3",) + (True,) * 3


def test_rows_say_what_each_solver_gave(content):
    final, lexical, first = solver_table(content).rows[:3]
    assert (final.score, final.weight, final.spread) == ("0.7778", MISSING, "0.1000")
    assert (final.truncated, lexical.truncated) == ("1", "0")
    assert (lexical.weight, first.weight) == ("0.750", "0.250")
    # Rows 2 and 6 differ between lexical and the ensemble.
    assert (final.agreement, lexical.agreement) == (MISSING, "67 %")


def test_baselines_have_a_score_only(content):
    random = solver_table(content).rows[3]
    assert (random.secondary, random.interval, random.weight) == (MISSING, "", MISSING)
    assert random.score == f"{content.final.evaluation.primary.chance:.4f}"


def test_gains_are_shown_where_they_are_known(content):
    assert not solver_table(content).gained
    members = [
        replace(member, gain=compare_results(content.exam, content.final.scores, other.scores))
        for member, other in zip(content.solvers, content.solvers[::-1], strict=True)
    ]
    table = solver_table(replace(content, solvers=tuple(members)))
    assert table.gained
    final, lexical, first, *baselines = table.rows
    assert final.gain == MISSING
    expected = members[0].gain.difference
    assert lexical.gain == signed(expected.value)
    assert lexical.gain_interval == interval(expected, with_sign=True)
    assert first.gain != MISSING
    assert {row.gain for row in baselines} == {MISSING}


def test_the_only_solver_is_shown_once(content):
    alone = replace(content, solvers=(content.final,))
    table = solver_table(alone)
    assert [r.name for r in table.rows if r.kind != "baseline"] == ["ensemble"]
    assert (table.several, table.weighted) == (False, False)


def test_without_grades_there_are_no_scores_and_no_baselines(unlabelled):
    table = solver_table(unlabelled)
    assert (table.graded, table.metric, table.rotated) == (False, "", False)
    assert [r.kind for r in table.rows] == ["final", "solver", "solver"]
    assert table.rows[1].agreement == "67 %"


def test_a_card_for_each_graded_solver_tells_of_rotations(content, unlabelled):
    cards = letters.letter_cards(ReportData(content))
    assert [c.name for c in cards] == ["ensemble", "lexical", "letters"]
    assert "from 0.7000 to 0.8000" in cards[0].rotations
    assert "2 of 6 questions" in cards[0].rotations
    assert cards[1].rotations == ""
    assert letters.letter_cards(ReportData(unlabelled)) is None
