import pytest

from llmexam.errors import ExamError, ScoreError, SubmissionError
from llmexam.evaluation.alignment import align_rankings, align_scores, name_ids, require_answers
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix

EXAM = Exam(
    (Question("a", "?", ("x", "y", "z"), 0), Question("b", "?", ("x", "y"), 1)), source="exam.csv"
)


def test_rows_come_into_the_order_of_the_exam():
    scores = ScoreMatrix.from_rows(["b", "a"], [[1, 2], [3, 4, 5]], [True, False])
    found = align_scores(EXAM, scores)
    assert found.question_ids == ("a", "b")
    assert found.values.tolist() == [[3, 4, 5], [1, 2, 0]]
    assert found.truncated.tolist() == [False, True]
    assert align_scores(EXAM, found) is found


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["a"], r"1 missing \('b'\)"),
        (["a", "c"], r"1 missing \('b'\); 1 unknown \('c'\)"),
        (["a", "b", "b"], r"1 repeated \('b'\)"),
        ([], r"2 missing \('a', 'b'\)"),
    ],
)
def test_other_ids_are_named(ids, words):
    rows = [[0, 1, 2] if i == "a" else [0, 1] for i in ids]
    with pytest.raises(ScoreError, match=words):
        align_scores(EXAM, ScoreMatrix.from_rows(ids, rows))


def test_other_numbers_of_options_are_named():
    with pytest.raises(ScoreError, match="'b': expected 2 scores as in the exam, got 3"):
        align_scores(EXAM, ScoreMatrix.from_rows(["a", "b"], [[0, 1, 2], [0, 1, 2]]))
    with pytest.raises(ScoreError, match="'a': expected 3 scores as in the exam, got 2"):
        align_scores(EXAM, ScoreMatrix.from_rows(["a", "b"], [[0, 1], [0, 1]]))


def test_rankings_come_into_the_order_of_the_exam():
    assert align_rankings(EXAM, {"b": (1,), "a": (2, 2, 0)}).tolist() == [[2, 2, 0], [1, -1, -1]]


def test_rankings_that_do_not_fit_are_named():
    with pytest.raises(SubmissionError, match=r"1 missing \('b'\)"):
        align_rankings(EXAM, {"a": (0,)})
    with pytest.raises(SubmissionError, match="'b': expected letters of A-B, got C"):
        align_rankings(EXAM, {"a": (0,), "b": (0, 2)})


def test_an_exam_must_have_questions_and_all_answers():
    require_answers(EXAM)
    with pytest.raises(ExamError, match="no questions"):
        require_answers(Exam(()))
    unlabelled = Exam((*EXAM.questions, Question("c", "?", ("x", "y"))), source="exam.csv")
    with pytest.raises(ExamError, match=r"exam.csv .*1 of 3 questions have no answer: 'c'"):
        require_answers(unlabelled)


def test_long_lists_of_ids_are_cut():
    assert name_ids([str(i) for i in range(7)]) == "'0', '1', '2', '3', '4' and 2 more"
