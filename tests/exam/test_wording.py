import time

import numpy as np
import pytest

from llmexam.exam.question import Question
from llmexam.exam.wording import follow_wording, is_negated, means_all, means_none


@pytest.mark.parametrize(
    ("prompt", "negated"),
    [
        ("Which of these is NOT a metal?", True),
        ("All of these are metals EXCEPT:", True),
        ("Which metal is not magnetic?", True),
        ("Which statement is incorrect?", True),
        ("Which metal,\nand why, isn't magnetic?", False),
        ("Which metal isn't magnetic?", True),
        ("All are metals except one?", True),
        ("All are metals except one, but which?", False),
        ("What happens when states are not orthogonal?", False),
        ("Why were the results not published?", False),
    ],
)
def test_negated_prompts(prompt, negated):
    assert is_negated(prompt) is negated


@pytest.mark.parametrize("word", ["which ", "except ", "which is "])
def test_a_word_that_is_repeated_many_times_takes_no_longer(word):
    begin = time.process_time()
    assert not is_negated(word * 16_000)
    assert time.process_time() - begin < 5


def test_options_about_other_options():
    assert means_all("All of the above")
    assert means_all("Both A and B.")
    assert not means_all("All of the above ground pipes of the city were made of lead and iron")
    assert means_none("None of these")
    assert means_none("Not enough information")
    assert not means_none("None")


def test_scores_follow_the_wording():
    options = ("x", "All of the above", "y", "None of the above")
    support = np.array([1.0, 0.0, 3.0, 0.0])
    plain = Question("q", "Which holds?", options)
    assert follow_wording(plain, support).tolist() == [1, 4, 3, 0]
    negated = Question("q", "Which does NOT hold?", options)
    assert follow_wording(negated, support).tolist() == [-1, 0, -3, -4]


def test_options_that_all_speak_of_others_are_still_ordered():
    question = Question("q", "Which?", ("None of the above", "All of the above"))
    assert follow_wording(question, np.zeros(2)).tolist() == [-1, 1]
