"""What the report shows of single rows."""

from dataclasses import replace

import numpy as np
import pytest

from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.recoverer import Candidate, Recovery
from llmexam.report.content import RunContent
from llmexam.report.sections.section import ReportData
from llmexam.sample import REWRITES_PATH
from llmexam.tasks.prompt_recovery.results import RecoveryResult, RowGrades
from llmexam.tasks.prompt_recovery.rows import rewrites_view
from llmexam.tasks.prompt_recovery.sections import distribution_view


@pytest.fixture
def exam():
    return read_rewrites(REWRITES_PATH).subset(range(4))


TEXTS = ("As a poem lucrarea", "As a diary lucrarea", "Fix the grammar.", "Do it.")
GRADES = RowGrades(
    metrics={"sharpened cosine": np.array([0.4, 0.7, 0.6, 0.1]), "lift": np.zeros(4)},
    loss=np.array([0.2, 0.01, 0.0, 0.0]),
    facets={"tone": [("warm", "warm"), ("cold", ""), ("", ""), ("", "warm")]},
)


def view(exam, grades=GRADES, **changes):
    recoveries = tuple(
        Recovery(text, (Candidate(text, 0.5), Candidate("Other.", 0.25)), 0.5) for text in TEXTS
    )
    final = RecoveryResult("first", TEXTS, None, "", recoveries, grades)
    other = replace(final, name="second", texts=("x",) * 4)
    content = RunContent("t", exam, final, (final, other))
    return rewrites_view(ReportData(content)), distribution_view(ReportData(content))


def test_rows_show_grades_candidates_and_other_recoverers(exam):
    rows = view(exam)[0].rows
    assert [row.verdict for row in rows] == ["gamed", "right", "right", "wrong"]
    assert rows[0].gamed == "loses 0.20 when cleaned"
    assert rows[1].gamed == ""
    assert rows[1].removed == ("lucrarea",)
    assert rows[0].metrics == (("sharpened cosine", "0.4000"), ("lift", "0.0000"))
    assert rows[0].candidates[1] == ("Other.", "0.250")
    assert rows[0].others[0].score == "0.4000"
    assert rows[0].truth == exam[0].prompt


def test_facets_stand_where_one_of_both_prompts_has_a_label(exam):
    rows = view(exam)[0].rows
    assert [[(pair.truth, pair.found) for pair in row.facets] for row in rows] == [
        [("warm", "warm")],
        [("cold", "")],
        [],
        [("", "warm")],
    ]


def test_gamed_prompts_are_counted_and_can_be_chosen(exam):
    found = view(exam)[0]
    assert found.gaming.startswith("2 prompts with meaningless tokens; 1 of them gamed")
    assert {one.name: one.n for one in found.filters} == {
        "all": 4,
        "right": 2,
        "wrong": 1,
        "gamed": 1,
    }


def test_without_prompts_there_are_no_grades(exam):
    found, distribution = view(exam.without_prompts(), grades=None)
    assert distribution is None
    assert found.gaming == "2 prompts with meaningless tokens."
    assert {row.verdict for row in found.rows} == {"unknown"}
    assert found.filters == ()
    assert found.rows[0].metrics == ()


def test_all_scores_stand_on_one_axis(exam):
    cards = view(exam)[1].cards
    assert [card.name for card in cards] == ["first", "second"]
    assert cards[0].reading == "Median 0.50; a tenth of the rows is below 0.19, a tenth above 0.67."
    assert "0.8</text>" in cards[0].plot
