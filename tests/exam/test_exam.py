from dataclasses import replace

import numpy as np
import pytest

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

ONE = Question("1", "What melts?", ("salt", "sand", "ice"), 2, (Passage("Ice melts.", "Ice", "p"),))
TWO = Question("2", "What burns?", ("wood", "sand"), None)
EXAM = Exam((ONE, TWO), source="exam.csv", format="kaggle", source_hash="00")


def test_an_exam_is_a_sequence_of_questions():
    assert len(EXAM) == 2
    assert list(EXAM) == [ONE, TWO]
    assert (EXAM[0], EXAM[-1]) == (ONE, TWO)
    assert EXAM.ids == ("1", "2")


def test_unknown_answers_are_minus_one():
    assert EXAM.answers.tolist() == [2, -1]
    assert EXAM.answers.dtype == np.int64
    assert Exam(()).answers.shape == (0,)


def test_an_exam_has_answers_if_every_question_has_one():
    assert not EXAM.is_labelled
    assert Exam((ONE,)).is_labelled
    assert not Exam(()).is_labelled


def test_an_id_that_is_there_twice_is_named_with_its_rows():
    with pytest.raises(ExamError) as caught:
        Exam((ONE, TWO, replace(TWO, id="1")), source="exam.csv")
    error = caught.value
    assert (error.row, error.field, error.file) == (3, "id", "exam.csv")
    assert "duplicate id '1', first used in row 1" in str(error)


CHANGED = {
    "id": replace(ONE, id="3"),
    "prompt": replace(ONE, prompt="What freezes?"),
    "option": replace(ONE, options=("salt", "sand", "snow")),
    "order": ONE.with_option_order((1, 0, 2)),
    "answer": replace(ONE, answer=0),
    "no answer": replace(ONE, answer=None),
    "passage": ONE.with_passages([Passage("Ice burns.", "Ice", "p")]),
    "title": ONE.with_passages([Passage("Ice melts.", "Snow", "p")]),
    "no passage": ONE.with_passages([]),
}


def test_the_content_hash_tells_what_questions_say():
    exams = [EXAM, *(Exam((one, TWO)) for one in CHANGED.values()), Exam((TWO, ONE)), Exam((ONE,))]
    assert len({exam.content_hash for exam in exams}) == len(exams)


def test_the_content_hash_leaves_out_where_the_exam_is_from():
    scored = ONE.with_passages([replace(ONE.passages[0], score=0.5)])
    labelled = replace(ONE, metadata={"subject": "physics"})
    for exam in (Exam((ONE, TWO), "elsewhere.json"), Exam((scored, TWO)), Exam((labelled, TWO))):
        assert exam.content_hash == EXAM.content_hash


def test_texts_do_not_run_into_each_other():
    a, b = (Question("1", "x", options) for options in (("a b", "c"), ("a", "b c")))
    assert Exam((a,)).content_hash != Exam((b,)).content_hash


def test_the_hash_of_a_question_knows_neither_id_nor_answer_nor_evidence():
    (first, second) = EXAM.question_hashes
    assert first != second
    assert {len(first), len(second)} == {12}
    same = {"id", "answer", "no answer", "passage", "title", "no passage"}
    for name, one in CHANGED.items():
        assert (Exam((one,)).question_hashes[0] == first) is (name in same), name


def test_a_subset_keeps_order_and_source():
    part = EXAM.subset([1, 0])
    assert part.ids == ("2", "1")
    assert (part.source, part.format, part.source_hash) == ("exam.csv", "kaggle", "00")
    assert len(EXAM.subset([])) == 0
    with pytest.raises(IndexError):
        EXAM.subset([2])
    with pytest.raises(ExamError):
        EXAM.subset([0, 0])


def test_evidence_is_replaced_question_by_question():
    found = EXAM.with_passages([[], [Passage("Wood burns.")]])
    assert [len(question.passages) for question in found] == [0, 1]
    assert [len(question.passages) for question in EXAM] == [1, 0]
    assert found.source == "exam.csv"
    assert not any(question.passages for question in found.without_passages())
    with pytest.raises(ValueError, match="shorter"):
        EXAM.with_passages([[]])


def test_several_right_options_are_in_mask_hash_and_subset():
    several = Question("3", "Which melt?", ("ice", "sand", "wax"), 0, right=(0, 2))
    exam = Exam((ONE, several, TWO))
    assert exam.has_several_right
    assert not EXAM.has_several_right
    assert exam.answers.tolist() == [2, 0, -1]
    assert exam.is_right.tolist() == [
        [False, False, True],
        [True, False, True],
        [False, False, False],
    ]
    assert exam.right_mask(4)[1].tolist() == [True, False, True, False]
    assert exam.subset([1])[0].right == (0, 2)
    assert exam.content_hash != Exam((ONE, replace(several, right=()), TWO)).content_hash
