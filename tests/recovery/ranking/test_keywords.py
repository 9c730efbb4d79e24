from dataclasses import replace
from math import inf

import numpy as np
import pytest

from llmexam.recovery.ranking.keywords import KeywordRule, choose_rule, with_keywords
from llmexam.recovery.rewrites import Rewrite, RewriteExam

ROW = Rewrite("1", "The sea is calm.", "O calm waters, gently rolling waters!", "waters gently")


class Bags:
    """Vectors of texts as sets of the words that are given."""

    words = ("poem", "waters", "gently", "rolling")

    def encode(self, texts):
        found = np.array([[word in text for word in self.words] for text in texts], dtype=float)
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "text"),
    [(0, "A poem."), (1, "A poem. waters"), (9, "A poem. waters gently rolling")],
)
def test_words_that_the_original_lacks_follow_the_prompt(n, text):
    assert with_keywords("A poem.", ROW, n) == text


def test_nothing_is_added_where_nothing_is_new():
    unchanged = replace(ROW, rewritten=ROW.original)
    assert with_keywords("A poem.", unchanged, 5) == "A poem."


def chosen(truths, expected, numbers=(1, 2, 3)):
    rows = [replace(ROW, id=str(i), prompt=prompt) for i, prompt in enumerate(truths)]
    values = np.array(expected, dtype=np.float32)
    return choose_rule(RewriteExam(tuple(rows)), ["poem"] * len(rows), values, numbers, Bags())


def test_the_number_with_the_largest_gain_is_chosen():
    """The true prompt has two of the new words; a third is noise."""
    assert chosen(["waters gently"], [0.5]) == KeywordRule(2, inf)
    assert chosen(["poem"], [0.5]) == KeywordRule()


def test_words_are_added_up_to_the_expected_score_that_gains_most():
    rule = chosen(["poem", "waters gently", "poem", "waters gently"], [0.4, 0.1, 0.3, 0.2])
    assert rule == KeywordRule(2, pytest.approx(0.2))
    assert rule.apply("poem", ROW, 0.2) == "poem waters gently"
    assert rule.apply("poem", ROW, 0.25) == "poem"


def test_no_numbers_add_nothing():
    assert chosen(["waters gently"], [0.5], numbers=()) == KeywordRule()
