"""Questions that one of two results answers right and the other wrong."""

from dataclasses import replace

from llmexam.evaluation.compare import compare_fully
from llmexam.evaluation.flips import with_evidence
from llmexam.evaluation.grading import Resampling
from llmexam.exam.question import Passage
from llmexam.report.comparison_tables import flip_list

QUICK = Resampling(100, 0, 0.95)


def compared(exam, a, b):
    rankings = [dict(zip(exam.ids, one, strict=True)) for one in (a, b)]
    return compare_fully(exam, *rankings, name_a="first", name_b="second", k=3, resampling=QUICK)


def test_flips_are_the_questions_that_one_side_alone_answers_right(make_exam):
    exam = make_exam([0, 1, 2, 3])
    found = compared(exam, [(0,), (2, 1), (), (3,)], [(1, 0), (1,), (2,), (3, 0)])
    assert [(one.id, one.right, one.ranking_a, one.ranking_b) for one in found.flips] == [
        (exam.ids[0], "a", "A", "B A"),
        (exam.ids[1], "b", "C B", "B"),
        (exam.ids[2], "b", "", "C"),
    ]
    assert found.flips[1].answer == "B"
    assert found.flips[1].options == exam[1].options


def test_each_side_shows_the_evidence_that_it_was_given(make_exam):
    exam = make_exam([0, 0])
    exam = replace(exam, questions=(exam[0].with_passages([Passage("Given.", "T")]), exam[1]))
    flips = compared(exam, [(0,), (0,)], [(1,), (1,)]).flips
    assert flips[0].evidence_a == flips[0].evidence_b == ("T: Given.",)
    other = with_evidence(flips, None, {exam.ids[1]: (Passage("Found."),)})
    assert [one.evidence_a for one in other] == [("T: Given.",), ()]
    assert [one.evidence_b for one in other] == [(), ("Found.",)]


def test_the_list_names_both_rankings_and_says_how_many_it_leaves_out(make_exam):
    exam = make_exam([0, 0, 1])
    found = compared(exam, [(0,), (0,), (0,)], [(1, 0), (1,), (1,)])
    text = "\n".join(str(part) for part in flip_list(found, 1))
    assert "Right in first, wrong in second: 2, the first 1 shown" in text
    assert "Right in second, wrong in first: 1" in text
    assert "second: B A" in text
    assert text.count("A* ") == 1
    assert text.count("B* ") == 1
