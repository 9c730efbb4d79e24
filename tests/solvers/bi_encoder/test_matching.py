import math

import numpy as np
import pytest

from llmexam.lm.encoding.embedding import TokenVectors
from llmexam.solvers.bi_encoder.matching import match_options


def tokens(*pairs):
    """Build tokens from (id, vector)."""
    vectors = np.array([v for _, v in pairs], dtype=np.float16).reshape(len(pairs), 2)
    ids = np.array([i for i, _ in pairs], dtype=np.int64)
    return TokenVectors(ids, np.zeros_like(ids), vectors, False)


EAST, NORTH, WEST = (1, 0), (0, 1), (-1, 0)


def smooth(values, sharpness):
    return math.log(sum(math.exp(sharpness * v) for v in values) / len(values)) / sharpness


def test_features_by_hand():
    options = [tokens((7, EAST), (8, NORTH)), tokens((7, EAST)), tokens()]
    sentences = [tokens((1, EAST), (2, WEST)), tokens((3, NORTH))]
    prompt, *queries = (np.array(v, dtype=np.float32) for v in (NORTH, EAST, NORTH, WEST))
    vectors = np.array([EAST, NORTH], dtype=np.float32)
    match = match_options(prompt, np.array(queries), options, vectors, sentences, relevance=0.5)
    # Token 7 is in two options, so it weighs 1/8 against 1 for token 8: 1/9 and 8/9. Only the
    # second sentence is about the prompt.
    expected = np.array([[1 / 9, 8 / 9 + 0.5], [1, 0.5], [0, 0.5]])
    assert match.sentence_support == pytest.approx(expected)
    assert match.best_cover.tolist() == pytest.approx([8 / 9, 1, 0])
    support, similarity = match.features.T
    assert support.tolist() == pytest.approx([smooth(row, 20) for row in expected])
    assert similarity.tolist() == pytest.approx(
        [smooth([1, 0], 30), smooth([0, 1], 30), smooth([-1, 0], 30)]
    )


def test_support_is_never_below_zero_but_features_are():
    options = [tokens((1, EAST)), tokens((2, EAST))]
    east = np.array([EAST, EAST], dtype=np.float32)
    west = np.array([WEST], dtype=np.float32)
    match = match_options(east[0], east, options, west, [tokens((3, WEST))])
    assert match.sentence_support.tolist() == [[0], [0]]
    assert match.features.tolist() == [[-2, -1]] * 2


def test_large_similarities_do_not_overflow():
    many = np.tile(np.array([EAST], dtype=np.float32), (1000, 1))
    none = [tokens(), tokens()]
    match = match_options(many[0], many[:2], none, many, [tokens((1, EAST))] * 1000, relevance=1000)
    assert match.features.tolist() == pytest.approx(np.array([[1000, 1]] * 2))
