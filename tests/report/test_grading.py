from dataclasses import replace

import numpy as np
import pytest

from llmexam.errors import ScoreError
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.content import SolverResult
from llmexam.report.grading import confident_mistakes, grade, hardest, most_telling


def test_ranks_leads_and_margins_by_hand(content):
    final = replace(content.final, evaluation=None)
    grades = grade(content.exam, final)
    assert grades.answer_rank.tolist() == [1, 1, 3, 3, 1, 1]
    assert grades.lead == pytest.approx([2, 1, 2, 3.8, 1, 1], abs=1e-6)
    assert grades.answer_margin == pytest.approx([2, 1, -3, -4, 1, 1], abs=1e-6)
    assert grades.probabilities is None
    assert grades.uncertain.sum() == 1


def test_probabilities_follow_the_fitted_temperature(content):
    grades = grade(content.exam, content.final)
    temperature = content.final.evaluation.choice.calibration.temperature
    odds = np.exp(np.array([3.0, 1.0, 0.0]) / temperature)
    assert grades.probabilities[0, :3] == pytest.approx(odds / odds.sum(), abs=1e-6)
    assert grades.probabilities[5, 2:].tolist() == [0, 0]


def test_unknown_answers_have_no_rank(unlabelled):
    grades = grade(unlabelled.exam, unlabelled.final)
    assert grades.answer_rank.tolist() == [0] * 6
    assert grades.answer_margin.tolist() == [0] * 6
    assert hardest(grades, 5) == []


def test_rows_come_in_the_order_of_the_exam(content):
    backwards = replace(content.final, scores=content.final.scores.subset(range(5, -1, -1)))
    expected = grade(content.exam, content.final).answer_rank.tolist()
    assert grade(content.exam, backwards).answer_rank.tolist() == expected


def test_scores_of_another_exam_are_refused(content):
    other = ScoreMatrix.from_rows(["x"], [[1, 2]])
    with pytest.raises(ScoreError, match="do not belong"):
        grade(content.exam, SolverResult("x", other))


def test_hard_and_bold_questions(content):
    grades = grade(content.exam, content.final)
    assert hardest(grades, 5) == [3, 2]
    assert confident_mistakes(grades, 1) == [3]


def test_of_a_long_exam_the_mistakes_are_shown_first(content):
    grades = grade(content.exam, content.final)
    assert most_telling(grades, 2) == {2, 3}
    assert {2, 3} < most_telling(grades, 3)


def test_an_empty_exam_can_be_graded():
    grades = grade(Exam(()), SolverResult("x", ScoreMatrix.from_rows([], [])))
    assert len(grades.lead) == 0
    assert most_telling(grades, 3) == set()
