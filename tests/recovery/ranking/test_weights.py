import numpy as np
import pytest

from llmexam.recovery.ranking.candidates import FEATURES
from llmexam.recovery.ranking.weights import CandidateWeights, judged_features


def test_scores_are_predicted_from_features():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 6, 3)).astype(np.float32)
    scores = (0.2 + features @ [0.1, 0.0, -0.05]).astype(np.float32)
    weights = CandidateWeights()
    weights.fit(features[:60], scores[:60])
    np.testing.assert_allclose(weights.predict(features[60:]), scores[60:], atol=2e-3)


def test_without_rows_to_fit_on_consensus_decides():
    features = np.arange(2 * 3 * len(FEATURES), dtype=np.float32).reshape(2, 3, -1)
    found = CandidateWeights().predict(features)
    np.testing.assert_array_equal(found, features[:, :, FEATURES.index("expected score")])


def test_a_judge_adds_deviations_and_expected_scores():
    vectors = np.eye(3, dtype=np.float32)[None]
    found = judged_features(np.array([[1.0, 2.0, 3.0]], dtype=np.float32), vectors)
    deviation = np.sqrt(1.5)
    np.testing.assert_allclose(found[0, :, 0], [-deviation, 0, deviation], rtol=1e-5)
    # Prompts at right angles: what each is expected to score is its own probability.
    shares = np.exp(2 * found[0, :, 0])
    np.testing.assert_allclose(found[0, :, 1], shares / shares.sum(), rtol=1e-5)


def test_a_judge_that_says_nothing_adds_nothing():
    vectors = np.eye(2, dtype=np.float32)[None]
    found = judged_features(np.zeros((1, 2), dtype=np.float32), vectors)
    assert found[0, :, 0].tolist() == [0, 0]
    assert found[0, :, 1].tolist() == pytest.approx([0.5, 0.5])
