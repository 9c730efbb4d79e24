import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam


def test_headed_form_counts_answers_from_zero(write):
    exam = read_exam(write("question,choice0,choice1,choice2,answer,subject\np,x,y,z,2,law\n"))
    assert exam.format == "mmlu"
    assert exam[0].answer == 2
    assert dict(exam[0].metadata) == {"subject": "law"}


def test_original_form_has_no_header(write):
    exam = read_exam(write("p,w,x,y,z,C\nA,B,C,D,E,A\n"))
    assert exam.format == "mmlu"
    assert [question.prompt for question in exam] == ["p", "A"]
    assert exam.answers.tolist() == [2, 0]


def test_an_unlabelled_kaggle_header_is_no_original_row(write):
    assert read_exam(write("id,prompt,A,B,C,D\n0,p,w,x,y,z\n")).format == "kaggle"


def test_one_row_without_a_letter_is_not_taken_for_the_original_form(write):
    with pytest.raises(ExamError, match="cannot detect the exam format"):
        read_exam(write("p,w,x,y,z,C\nq,w,x,y,z,7\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("question,choice0,choice1,answer\np,x,y,2\n", "index from 0 to 1, got 2"),
        ("question,choice0,choice1,choice3,answer\np,x,y,z,0\n", "column 'choice2' is missing"),
    ],
)
def test_faults(write, text, words):
    with pytest.raises(ExamError, match=words):
        read_exam(write(text))


def test_real_file(shared_data):
    exam = read_exam(shared_data / "mcq" / "college_physics_test.csv")
    assert (exam.format, len(exam), exam.is_labelled) == ("mmlu", 102, True)
    assert exam[0].answer == 1
