import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam, read_rows

QUIZ = """What is 1 + 1?
A) 1
B) 2
ANSWER: B

A. Smith wrote which book?
It is old.
a. The first
b. The second
  and longer
Answer: a, b.
Feedback: Both.
"""


def test_questions_are_read(write):
    first, second = exam = read_exam(write(QUIZ, "quiz.txt"))
    assert exam.format == "aiken"
    assert (first.prompt, first.options, first.right_letters) == ("What is 1 + 1?", ("1", "2"), "B")
    assert second.prompt == "A. Smith wrote which book?\nIt is old."
    assert second.options == ("The first", "The second and longer")
    assert second.right_letters == "A, B"
    assert second.metadata == {"feedback": "Both."}
    assert exam.notes == ()


def test_types_that_a_line_tells(write):
    text = (
        "category\nTop\nWaves\n\nmultichoice\nWhich?\n1. one\n2. two\nAnswer: 2\n\n"
        "truefalse\nIt is so.\nAnswer: True\n\nessay\nWrite.\n\n"
        "shortanswer\n2 + 2?\nAnswer: 4, four\n"
    )
    exam = read_exam(write(text, "quiz.txt"), format="aiken")
    assert [(q.prompt, q.options, q.answer_letter) for q in exam] == [
        ("Which?", ("one", "two"), "B"),
        ("It is so.", ("True", "False"), "A"),
    ]
    assert exam[0].metadata == {"category": "Top/Waves"}
    assert exam.notes == ("2 questions of other types were left out: 1 essay, 1 shortanswer",)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("Q\nA. x\nC. y\nANSWER: A\n", "line 5: expected options labelled A., B., C."),
        ("Q\nA. x\nB. y\nANSWER: C\n", "labels A to B as the answer, got 'C'"),
        ("Q\n0. x\n1. y\n2. z\nANSWER: A\n", "labels 1 to 2 as the answer, got 'A'"),
    ],
)
def test_a_faulty_question_is_named_and_the_others_are_read(write, bad, words):
    read = read_rows(write(f"Fine\nA. x\nB. y\nANSWER: B\n{bad}", "quiz.txt"))
    assert [question.prompt for _, question in read.rows] == ["Fine"]
    assert words in str(read.faults[0])


def test_a_text_without_answers_is_no_aiken(write):
    with pytest.raises(ExamError, match="cannot detect"):
        read_exam(write("Q\nA. x\nB. y\n", "quiz.txt"))


def test_an_answer_and_feedback_of_no_question_are_no_error(write):
    text = "category\nTop\nAnswer: A\nFeedback: odd\n\nWhich?\nA. x\nB. y\nANSWER: B\n"
    (question,) = read_exam(write(text, "quiz.txt"), format="aiken")
    assert question.answer_letter == "B"
    assert "odd" not in question.metadata.values()
