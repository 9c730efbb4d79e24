import numpy as np
import pytest

from llmexam.recovery.voting import choose, fit_weights

# Members 1 and 2 agree on each row; member 0 is alone.
SIMILAR = np.array([[[1.0, 0.1, 0.2], [0.1, 1.0, 0.7], [0.2, 0.7, 1.0]]] * 4)


def test_the_prompt_that_most_agree_with_is_chosen():
    # Sums by hand: 1.3, 1.8 and 1.9.
    assert choose(SIMILAR, np.ones(3)).tolist() == [2] * 4


@pytest.mark.parametrize(
    ("weights", "member"), [([3, 1, 1], 0), ([1, 0, 0], 0), ([1, 1, 0], 0), ([1, 2, 0], 1)]
)
def test_weights_say_whose_prompts_count(weights, member):
    assert choose(SIMILAR, np.array(weights, dtype=float)).tolist() == [member] * 4


def test_equal_prompts_come_from_the_member_with_the_largest_weight():
    same = np.ones((1, 3, 3))
    assert choose(same, np.array([1.0, 2.0, 2.0])).tolist() == [1]


def test_fitted_weights_find_the_lonely_member_that_is_right():
    scores = np.array([[0.9, 0.1, 0.2]] * 4)
    weights = fit_weights(SIMILAR, scores)
    assert weights.sum() == pytest.approx(1)
    assert choose(SIMILAR, weights).tolist() == [0] * 4


def test_fitted_weights_never_score_below_the_best_member():
    rng = np.random.default_rng(0)
    for _ in range(20):
        vectors = rng.normal(size=(12, 3, 5))
        vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
        similar = np.einsum("rid,rjd->rij", vectors, vectors) ** 3
        scores = rng.uniform(-0.2, 1, size=(12, 3))
        chosen = choose(similar, fit_weights(similar, scores))
        assert scores[np.arange(12), chosen].mean() >= scores.mean(axis=0).max() - 1e-12
