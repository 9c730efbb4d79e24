import numpy as np
import pytest
from sklearn.linear_model import Ridge

from llmexam.errors import ExamError
from llmexam.recovery.embeddings import text_vectors
from llmexam.recovery.estimates import (
    EstimateSettings,
    PromptEstimates,
    known_prompts,
    training_rows,
)
from llmexam.recovery.pair_kernel import PairKernel


@pytest.fixture
def drawn():
    """Features of 30 training rows and 5 others, what was added, and unit targets."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(35, 8)).astype(np.float32)
    added = rng.normal(size=(35, 4)).astype(np.float32)
    targets = rng.normal(size=(30, 4)).astype(np.float32)
    return features, added, targets / np.linalg.norm(targets, axis=1, keepdims=True)


def test_the_regression_is_a_ridge_regression_with_an_intercept(drawn):
    features, added, targets = drawn
    train, others = features[:30], features[30:]
    found = PromptEstimates(train @ train.T, added[:30], targets, alpha=2.0)
    expected = Ridge(alpha=2.0).fit(train, targets).predict(others)
    np.testing.assert_allclose(found.regression(others @ train.T), expected, atol=1e-4)


def test_the_query_says_how_well_prompts_fit_in_deviations(drawn):
    features, added, targets = drawn
    train = features[:30]
    found = PromptEstimates(train @ train.T, added[:30], targets, alpha=2.0)
    for share, part in ((0.0, 0), (1.0, 1)):
        query = found.query(train @ train.T, added[:30], share)
        np.testing.assert_array_equal(query, found.parts(train @ train.T, added[:30])[part])
        assert (query @ targets.T).std() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(found.direct(added[:30]).mean(axis=0), 0, atol=1e-6)


def test_training_rows_are_as_similar_to_themselves_as_in_the_kernel(rewrites):
    kernel = PairKernel(rewrites, text_vectors("bundled"), words=2.0)
    again = kernel.between(rewrites)
    np.testing.assert_allclose(again.whole, kernel.train.whole, atol=1e-4)
    np.testing.assert_allclose(again.change, kernel.train.change, atol=1e-4)
    # Both poems begin with "O" and repeat it; no e-mail does.
    assert kernel.train.change[0, 1] > kernel.train.change[0, 2]


def test_words_weigh_what_the_settings_say(rewrites):
    without, once, twice = (
        PairKernel(rewrites, text_vectors("bundled"), words=words).train.whole
        for words in (0.0, 1.0, 2.0)
    )
    np.testing.assert_allclose(twice - once, once - without, atol=1e-4)
    assert (once - without).min() > 0


def test_rows_beyond_the_limit_are_drawn_in_order(sample):
    rows = training_rows(sample, EstimateSettings(n_rows=20))
    assert len(rows) == 20
    places = [sample.ids.index(row.id) for row in rows]
    assert places == sorted(places)
    assert rows.ids == training_rows(sample, EstimateSettings(n_rows=20)).ids
    assert training_rows(sample, EstimateSettings()) is sample


def test_rows_without_prompts_are_an_error(sample):
    with pytest.raises(ExamError, match="the prompt of this row is not known"):
        training_rows(sample.without_prompts(), EstimateSettings())


def test_prompts_of_the_bank_follow_those_of_the_rows(sample):
    own = known_prompts(sample, EstimateSettings())
    both = known_prompts(sample, EstimateSettings(bank="bundled"))
    assert own == list(dict.fromkeys(sample.prompts))
    assert both[: len(own)] == own
    assert len(set(both)) == len(both) > len(own)
