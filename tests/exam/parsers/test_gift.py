from time import process_time

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam, read_rows
from llmexam.exam.parsers.gift_blocks import gift_blocks, unescape

QUIZ = r"""// comment [id:q-1] [tag:easy] [tag:old]
$CATEGORY: $course$/top/Math

::Q1:: Solve \{x \= 1\} with \frac\{1\}\{2\} {
  =\#1 # feedback \= here
  ~ two\: 2

  ~three ####general
  text
}

::Q\:\:2::[html]<p>Is 2 &lt; 3?</p>{T#no#yes}

::Q3::[markdown]Which *are* prime?{~%50%2 ~%50%5 ~%-50%4}
::Q4::The sky is {=blue ~%25%cyan ~red} today.
::Q5::Old style {~=yes ~no}

Two plus {=two =2} equals four.

Fine {FALSE}

Match {=a -> b =c -> d}

Number {#3:1}

Essay {}

Just a description.
"""


def test_choices_and_true_false_are_read_and_others_counted(write):
    exam = read_exam(write(QUIZ, "quiz.gift"))
    assert exam.format == "gift"
    assert [(q.prompt, q.options, q.right_letters) for q in exam] == [
        (r"Solve {x = 1} with \frac{1}{2}", ("#1", "two: 2", "three"), "A"),
        ("Is 2 < 3?", ("True", "False"), "A"),
        ("Which *are* prime?", ("2", "5", "4"), "A, B"),
        ("The sky is _____ today.", ("blue", "cyan", "red"), "A"),
        ("Old style", ("yes", "no"), "A"),
        ("Fine", ("True", "False"), "B"),
    ]
    assert exam[0].metadata == {
        "category": "Math",
        "name": "Q1",
        "generalfeedback": "general\ntext",
        "tags": "easy, old",
    }
    assert exam[1].metadata["name"] == "Q::2"
    assert exam.notes == (
        "5 questions of other types were left out: 1 shortanswer, 1 matching, 1 numerical, "
        "1 essay, 1 description",
    )


def test_ids_of_comments_are_the_ids_if_all_questions_have_one(write):
    text = "// [id:a]\nOne {=x ~y}\n\n// [id:b]\nTwo {T}\n"
    assert read_exam(write(text, "quiz.txt")).ids == ("a", "b")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("Broken {=a ~b\n\nFine {T}", "line 1: expected a } that ends the answer"),
        ("Odd {text =a ~b}\n\nFine {T}", "line 1: expected options that begin with ~ or ="),
        ("One {~a}\n\nFine {T}", "got 1"),
    ],
)
def test_a_faulty_question_is_named_and_the_next_is_read(write, bad, words):
    read = read_rows(write(bad, "quiz.gift"))
    assert words in str(read.faults[0])
    assert [question.prompt for _, question in read.rows] == ["Fine"]


def test_escapes_of_gift_only():
    assert unescape(r"a\=b\~c\#d\{e\}f\:g\\h \sin \n") == "a=b~c#d{e}f:g\\h \\sin \n"


def test_a_blank_line_in_an_open_answer_ends_it_where_another_one_opens():
    text = "One {=a\n\n~b}\n\nTwo {=a\n\nThree {T}\n"
    assert [block.text.split()[0] for block in gift_blocks(text)] == ["One", "Two", "Three"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('id,prompt,A,B,answer\n1,"Is x^{T} {=} y?",a,b,A\n', "exam.csv"),
        ('prompt,A,B,answer\n"What is {~a =b}?",a,b,A\n', "exam.txt"),
    ],
)
def test_formulas_in_a_table_are_no_gift(write, text, name):
    assert read_exam(write(text, name)).format == "kaggle"


@pytest.mark.parametrize("text", ["x^{T} is transposed\n", "{}"])
def test_other_texts_are_no_gift(write, text):
    with pytest.raises(ExamError, match="cannot detect"):
        read_exam(write(text, "exam.txt"))


def test_a_quiz_without_choices_says_what_it_holds(write):
    with pytest.raises(ExamError, match=r"no questions: 2 questions of other types.*2 essay"):
        read_exam(write("One {}\n\nTwo {}\n", "quiz.gift"))
    with pytest.raises(ExamError, match="cannot detect"):
        read_exam(write("# Title\n\nText about {curly} things and x = {T}.\n", "quiz.md"))


def test_windows_line_ends_and_compact_answers(write):
    text = (
        "\ufeff::A:: One?\r\n{\r\n\t=x#good\r\n\t~y\r\n}\r\n\r\n"
        "Two {true}\r\n\r\nThree{=x#a~y#b~z}\r\n"
    )
    exam = read_exam(write(text, "quiz.gift"))
    assert [(q.prompt, q.options, q.answer) for q in exam] == [
        ("One?", ("x", "y"), 0),
        ("Two", ("True", "False"), 0),
        ("Three", ("x", "y", "z"), 0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "// " + "[id:" * 60_000,
        "// " + "[tag:" * 60_000,
        "$CATEGORY: a" + " " * 60_000 + "b",
    ],
)
def test_a_long_line_takes_no_longer_than_its_length(text):
    begin = process_time()
    (block,) = gift_blocks(text + "\n\nWhich? {=a ~b}")
    # With the square of the length it takes more than ten seconds.
    assert process_time() - begin < 1
    assert (block.id, block.tags) == ("", [])


def test_ids_tags_and_categories_are_without_space():
    (block,) = gift_blocks("$CATEGORY:  a b / c \n\n// [id: 7 ] [tag: x ] [tag:y]\nWhich? {=a ~b}")
    assert (block.category, block.id, block.tags) == ("a b / c", "7", ["x", "y"])
