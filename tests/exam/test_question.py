import pickle

import pytest

from llmexam.errors import ExamError
from llmexam.exam.letters import index_of, letter_of
from llmexam.exam.question import Passage, Question


def question(n=3, answer=1):
    return Question("q", "What?", tuple("abcdefghijklmnopqrstuvwxyz"[:n]), answer)


@pytest.mark.parametrize("n", [2, 26])
def test_a_question_has_2_to_26_options(n):
    assert len(question(n).options) == n


@pytest.mark.parametrize("options", [(), ("a",), ("a",) * 27])
def test_another_number_of_options_is_an_error(options):
    with pytest.raises(ExamError, match=rf"'q': expected 2 to 26 options, got {len(options)}"):
        Question("q", "What?", options)


@pytest.mark.parametrize("answer", [-1, 3])
def test_an_answer_that_is_no_option_is_an_error(answer):
    with pytest.raises(ExamError, match=f"'q': expected an answer index from 0 to 2, got {answer}"):
        question(answer=answer)


def test_blank_and_repeated_options_are_kept():
    assert Question("q", "", ("", "a", "a"), 2).options == ("", "a", "a")


def test_the_letter_of_the_answer():
    assert question(answer=1).answer_letter == "B"
    assert question(26, answer=25).answer_letter == "Z"
    assert question(answer=None).answer_letter is None


@pytest.mark.parametrize("order", [(2, 0, 1), (0, 1, 2), (1, 2, 0)])
def test_the_answer_moves_with_its_option(order):
    before = question()
    after = before.with_option_order(order)
    assert after.options == tuple(before.options[i] for i in order)
    assert after.options[after.answer] == before.options[before.answer]
    assert (after.id, after.prompt) == (before.id, before.prompt)


def test_an_unknown_answer_stays_unknown():
    assert question(answer=None).with_option_order((2, 1, 0)).answer is None


def test_other_evidence_leaves_the_rest_alone():
    first = question().with_passages([Passage("one", id="1")])
    second = first.with_passages([Passage("two"), Passage("three")])
    assert [passage.text for passage in second.passages] == ["two", "three"]
    assert [passage.text for passage in first.passages] == ["one"]
    assert second.with_passages([]) == question()


def test_questions_are_frozen_and_share_no_metadata():
    with pytest.raises(AttributeError):
        question().prompt = "Who?"
    with pytest.raises(TypeError):
        question().metadata["subject"] = "physics"


def test_letters_and_indices_belong_together():
    assert [index_of(letter_of(i)) for i in range(26)] == list(range(26))
    assert index_of(" b ", 3) == 1


@pytest.mark.parametrize(("letter", "n"), [("D", 3), ("", 3), ("AB", 3), ("1", 26), ("\u00c4", 26)])
def test_other_texts_are_no_letters(letter, n):
    with pytest.raises(
        ExamError, match=f"expected a letter of A-{letter_of(n - 1)}, got '{letter}'"
    ):
        index_of(letter, n)


@pytest.mark.parametrize("index", [-1, 26])
def test_other_numbers_have_no_letter(index):
    with pytest.raises(ExamError, match=f"expected an option index from 0 to 25, got {index}"):
        letter_of(index)


@pytest.mark.parametrize("metadata", [None, {"source": "a"}])
def test_a_question_can_be_sent_to_another_process(metadata):
    passages = (Passage("Opal is a mineraloid.", "Opal"),)
    more = {} if metadata is None else {"metadata": metadata}
    question = Question("q", "What is opal?", ("a mineraloid", "a metal"), 0, passages, **more)

    assert pickle.loads(pickle.dumps(question)) == question


def several(*right):
    return Question("q", "Which?", tuple("abcde"), right[0], right=right)


@pytest.mark.parametrize(
    ("answer", "right", "message"),
    [
        (1, (1,), "two or more different right options in ascending order"),
        (1, (1, 1), "two or more different right options"),
        (0, (2, 0), "in ascending order"),
        (1, (1, 5), "right options from 0 to 4"),
        (2, (1, 2), r"the first right option \(1\) as the answer, got 2"),
        (None, (1, 2), "as the answer, got None"),
    ],
)
def test_several_right_options_that_contradict_themselves_are_an_error(answer, right, message):
    with pytest.raises(ExamError, match=message):
        Question("q", "Which?", tuple("abcde"), answer, right=right)


def test_all_right_options_move_with_their_texts():
    moved = several(1, 4).with_option_order((4, 3, 2, 1, 0))
    assert (moved.answer, moved.right) == (0, (0, 3))
    assert [moved.options[i] for i in moved.right_options] == ["e", "b"]
    assert question().with_option_order((1, 0, 2)).right == ()


def test_right_options_and_letters_of_one_several_and_none():
    assert (several(0, 2).right_options, several(0, 2).right_letters) == ((0, 2), "A, C")
    assert (question(answer=1).right_options, question(answer=1).right_letters) == ((1,), "B")
    assert (question(answer=None).right_options, question(answer=None).right_letters) == ((), "")


def test_several_right_options_are_pickled():
    assert pickle.loads(pickle.dumps(several(1, 3))) == several(1, 3)
