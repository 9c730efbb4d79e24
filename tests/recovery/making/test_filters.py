import pytest

from llmexam.generation.writer import WrittenText
from llmexam.recovery.making.filters import Filter
from llmexam.recovery.making.pairs import Pair

PAIR = Pair(1, "The sea is calm.", "Write a poem.")


def judge(text, preambles="strip", pair=PAIR, **made):
    return Filter(preambles).judge(pair, WrittenText(text, **made))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("O sea, so calm!", "kept"),
        (" \n", "blank"),
        ("I'm sorry, but I cannot help with that.", "refused"),
        ("the SEA is calm", "echoed"),
        ("Write a poem", "echoed"),
        ("Sure, here is the poem", "preamble"),
        ("海は静かだ。", "kept"),
        ("Sure, here is the poem: The sea is calm.", "echoed"),
        ("Certainly! Here it is:\n\nI'm sorry, but I cannot do that.", "refused"),
    ],
)
def test_what_an_answer_is_worth(text, verdict):
    assert judge(text).verdict == verdict


def test_answers_that_the_limit_or_the_endpoint_ended():
    assert judge("O sea, so", is_cut=True).verdict == "cut"
    assert judge("", is_refused=True).verdict == "refused"


def test_a_text_that_apologises_may_be_rewritten_as_one():
    sorry = Pair(1, "I am sorry that I cannot come.", "Make it formal.")
    assert judge("I am sorry to say that I cannot attend.", pair=sorry).verdict == "kept"


def test_openings_are_stripped_dropped_or_kept():
    text = "Sure, here is the poem:\n\nO sea!"
    assert (judge(text).text, judge(text).is_stripped) == ("O sea!", True)
    assert judge(text, "drop").verdict == "preamble"
    assert judge(text, "keep").text == text


def test_a_text_that_was_there_is_a_duplicate():
    judged = Filter()
    others = [Pair(i, f"Text {i}", "Write a poem.") for i in range(3)]
    answers = ["O sea!", "o  sea", "O lake!"]
    found = [
        judged.judge(pair, WrittenText(text)).verdict
        for pair, text in zip(others, answers, strict=True)
    ]
    assert found == ["kept", "duplicate", "kept"]
