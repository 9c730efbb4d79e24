import numpy as np

from llmexam.exam.question import Question
from llmexam.solvers.registry import create_solver

QUESTION = Question("q", "?", ("aa", "b c d", "dddddddd", ""), 0)


def test_first_follows_the_places():
    assert create_solver("first").score([QUESTION]).ranking.tolist() == [[0, 1, 2, 3]]


def test_longest_counts_characters_or_words():
    assert create_solver("longest").score([QUESTION]).values.tolist() == [[2, 5, 8, 0]]
    words = create_solver("longest", {"unit": "words"})
    assert words.score([QUESTION]).values.tolist() == [[1, 3, 1, 0]]


def test_random_is_chance_and_depends_on_the_seed():
    questions = [Question(str(i), "?", tuple("ABCDE"), 0) for i in range(4000)]
    first = create_solver("random").score(questions).ranking
    # Standard error of a share of 0.2 over 4,000 questions: 0.0063.
    shares = np.bincount(first[:, 0], minlength=5) / len(questions)
    assert np.abs(shares - 0.2).max() < 0.03
    other = create_solver("random", {"seed": 1}).score(questions).ranking
    assert (first[:, 0] == other[:, 0]).mean() < 0.3


def test_reasons_name_the_place_the_length_or_the_seed():
    notes = {
        name: create_solver(name).explain([QUESTION])[0].options[1].note
        for name in ("first", "longest", "random")
    }
    assert notes == {
        "first": "position 2",
        "longest": "5 characters",
        "random": "random order, seed 0",
    }
