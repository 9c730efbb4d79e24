from dataclasses import replace

import numpy as np
import pytest

from llmexam.recovery.ranking.keywords import KeywordChoice, with_keywords
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


def fitted(numbers):
    """A choice fitted on rows with the feature 1 whose prompts have two words of the row."""
    truths = ["waters gently", "poem"] * 400
    rows = [replace(ROW, id=str(i), prompt=prompt) for i, prompt in enumerate(truths)]
    features = np.array([[1.0], [0.0]] * 400, dtype=np.float32)
    choice = KeywordChoice(numbers)
    choice.fit(RewriteExam(tuple(rows)), ["poem"] * len(rows), features, Bags())
    return choice


def test_rows_get_the_number_of_words_that_gains_most_on_rows_like_them():
    """A third word is noise; and any word is where the prompt is known already."""
    found = fitted([1, 2, 3]).choose(np.array([[1.0], [0.0]], dtype=np.float32))
    assert found.tolist() == [2, 0]


def test_one_number_may_be_given():
    found = fitted([3]).choose(np.array([[1.0], [0.0]], dtype=np.float32))
    assert found.tolist() == [3, 0]


def test_without_numbers_or_rows_nothing_is_added():
    features = np.ones((2, 1), dtype=np.float32)
    assert fitted([0]).choose(features).tolist() == [0, 0]
    assert KeywordChoice([4]).choose(features).tolist() == [0, 0]
