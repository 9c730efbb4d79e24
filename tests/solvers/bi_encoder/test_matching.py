import math

import numpy as np
import pytest

from llmexam.lm.embedding import TokenVectors
from llmexam.solvers.bi_encoder.matching import match_options


def tokens(*pairs):
    """Build tokens from (id, vector)."""
    vectors = np.array([v for _, v in pairs], dtype=np.float16).reshape(len(pairs), 2)
    ids = np.array([i for i, _ in pairs], dtype=np.int64)
    return TokenVectors(ids, np.zeros_like(ids), vectors, False)


EAST, NORTH, WEST = (1, 0), (0, 1), (-1, 0)


def test_features_by_hand():
    options = [tokens((7, EAST), (8, NORTH)), tokens((7, EAST)), tokens()]
    sentences = [tokens((1, EAST), (2, WEST)), tokens((3, NORTH))]
    queries = np.array([EAST, NORTH, WEST], dtype=np.float32)
    vectors = np.array([EAST, WEST], dtype=np.float32)
    match = match_options(queries, options, vectors, sentences)
    # Token 7 is in two options, so it weighs 1/8 against 1 for token 8: 1/9 and 8/9.
    aligned, best_sentence, similarity = match.features.T
    assert aligned.tolist() == pytest.approx([1, 1, 0])
    assert best_sentence.tolist() == pytest.approx([8 / 9, 1, 0])
    assert match.sentence_support == pytest.approx(np.array([[1 / 9, 8 / 9], [1, 0], [0, 0]]))
    both = math.log((math.exp(15) + math.exp(-15)) / 2) / 15
    assert similarity.tolist() == pytest.approx([both, 0, both])


def test_support_is_never_below_zero_but_features_are():
    options = [tokens((1, EAST)), tokens((2, EAST))]
    match = match_options(
        np.array([EAST, EAST], dtype=np.float32),
        options,
        np.array([WEST], dtype=np.float32),
        [tokens((3, WEST))],
    )
    assert match.sentence_support.tolist() == [[0], [0]]
    assert match.features.tolist() == [[-1, -1, -1]] * 2


def test_a_large_similarity_does_not_overflow():
    many = np.tile(np.array([EAST], dtype=np.float32), (1000, 1))
    match = match_options(many[:2], [tokens(), tokens()], many, [tokens((1, EAST))] * 1000)
    assert match.features[:, 2].tolist() == pytest.approx([1, 1])
