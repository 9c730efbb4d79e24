from collections import Counter

import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.shuffling import ORIGINAL_LETTERS, names_letters, shuffle_options
from llmexam.workflows.convert import convert_exam

OPTIONS = ("iron", "tin", "gold", "lead")
EXAM = Exam(
    tuple(
        Question(str(i), f"Which {i}?", OPTIONS, 3, (Passage("p"),), {"topic": "metal"})
        for i in range(200)
    ),
    source="exam.csv",
)


def test_answers_passages_and_metadata_are_kept():
    shuffled = shuffle_options(EXAM, 1)
    for before, after in zip(EXAM, shuffled, strict=True):
        assert after.options[after.answer] == "lead"
        assert (after.id, after.prompt, after.passages) == (
            before.id,
            before.prompt,
            before.passages,
        )
        assert after.metadata["topic"] == "metal"
        letters = after.metadata[ORIGINAL_LETTERS].split()
        assert [OPTIONS["ABCD".index(letter)] for letter in letters] == list(after.options)
    assert shuffled.source == "exam.csv"


def test_right_letters_are_even_and_depend_on_the_seed_and_the_question_only():
    shuffled = shuffle_options(EXAM, 1)
    counts = Counter(question.answer_letter for question in shuffled)
    assert all(30 <= counts[letter] <= 70 for letter in "ABCD")
    assert shuffle_options(EXAM, 1).questions == shuffled.questions
    assert shuffle_options(EXAM, 2).questions != shuffled.questions
    assert shuffle_options(EXAM.subset([7]), 1)[0] == shuffled[7]


def test_all_right_options_move():
    question = Question("1", "Which?", OPTIONS, 0, right=(0, 1))
    (shuffled,) = shuffle_options(Exam((question,)), 5)
    assert {shuffled.options[i] for i in shuffled.right_options} == {"iron", "tin"}


def test_letters_of_an_exam_that_is_shuffled_twice_are_those_of_the_original():
    twice = shuffle_options(shuffle_options(EXAM, 1), 2)
    for question in twice:
        letters = question.metadata[ORIGINAL_LETTERS].split()
        assert [OPTIONS["ABCD".index(letter)] for letter in letters] == list(question.options)


def test_options_that_refer_to_those_above_stay_last():
    question = Question("1", "?", ("a", "b", "c", "None of the above", "All of the above"), 3)
    for seed in range(20):
        (shuffled,) = shuffle_options(Exam((question,)), seed)
        assert shuffled.options[3:] == ("None of the above", "All of the above")


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("Both A and B", True),
        ("A, B and C", True),
        ("a and c only", True),
        ("Neither (A) nor (B)", True),
        ("Both A and B are correct", True),
        ("A and B are true", True),
        ("All of A, B and C", True),
        ("Answers B and D are both right", True),
        ("It is either (a) or (c)", True),
        ("Only A is true", True),
        ("only b", True),
        ("C alone", True),
        ("All except (B)", True),
        ("Any of A-C", True),
        ("Options 1 and 2", True),
        ("The first two", True),
        ("The second option", True),
        ("A and the others", False),
        ("Only a metal", False),
        ("not a gas", False),
        ("A is the symbol of argon", False),
        ("both E and F", False),
        ("None of these", False),
        ("The first two years of school", False),
        ("x" * 50_000, False),
        ("A," * 50_000 + "x", True),
        ("A", False),
        ("Vitamin A and D", False),
        ("a", False),
    ],
)
def test_a_question_whose_option_names_letters_keeps_its_order(option, names):
    question = Question("1", "?", ("x", "y", "z", option), 0)
    assert names_letters(question) == names
    orders = {shuffle_options(Exam((question,)), seed)[0].options for seed in range(8)}
    assert (len(orders) == 1) == names
    notes = shuffle_options(Exam((question,)), 0).notes
    assert any("1 question keeps the order" in note for note in notes) == names


@pytest.mark.parametrize(
    ("first", "keeps"),
    [
        ("All of the above", True),
        ("none of the above are right", True),
        ("All of the following", True),
        ("above 100 degrees", False),
        ("The part above the ground", False),
    ],
)
def test_a_question_keeps_its_order_if_an_option_before_others_refers_to_those_above(first, keeps):
    question = Question("1", "?", ("iron", first, "tin", "lead"), 1)
    orders = {shuffle_options(Exam((question,)), seed)[0].options for seed in range(8)}
    assert (len(orders) == 1) == keeps
    notes = shuffle_options(Exam((question,)), 0).notes
    assert any("1 question keeps the order" in note for note in notes) == keeps


def test_convert_shuffles_before_it_deals(tmp_path):
    result = convert_exam(EXAM, tmp_path / "o.jsonl", shuffle_options=3, split="0.5,0.5")
    assert [part.n_questions for part in result.parts] == [100, 100]
    text = (tmp_path / "o-train.jsonl").read_text()
    assert '"answer": "A"' in text
