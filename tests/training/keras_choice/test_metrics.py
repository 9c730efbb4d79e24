import itertools

import numpy as np
import pytest

from llmexam.errors import SettingsError
from llmexam.evaluation.metrics.average_precision import MAPAtK
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.keras_models.backend import import_keras

N_QUESTIONS = 40
MISSING = -1e9


@pytest.fixture(scope="module")
def map_at():
    """Return a function that makes the metric."""
    import_keras("torch")
    from llmexam.training.keras_choice.metrics import MapAtK

    return MapAtK


@pytest.fixture
def batch():
    """Logits of questions with 2 to 6 options, and their right options."""
    draw = np.random.default_rng(0)
    n_options = draw.integers(2, 7, N_QUESTIONS)
    logits = draw.normal(size=(N_QUESTIONS, 6)).astype(np.float32)
    logits[np.arange(6) >= n_options[:, None]] = MISSING
    return logits, draw.integers(0, n_options).astype(np.int32), n_options


def expected(logits, answers, n_options, k):
    """The values by our metric."""
    rows = [row[:n] for row, n in zip(logits, n_options, strict=True)]
    ranking = ScoreMatrix.from_rows([str(i) for i in range(len(rows))], rows).ranking
    ranks = 1.0 + (ranking == answers[:, None]).argmax(axis=1)
    return MAPAtK(k).at_rank(ranks)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_values_are_those_of_our_metric(map_at, batch, k):
    logits, answers, n_options = batch
    metric = map_at(k)
    assert metric.name == f"map_at_{k}"
    # In two batches, labels as Keras may pass them.
    metric.update_state(answers[:15], logits[:15])
    metric.update_state(answers[15:, None], logits[15:])
    found = expected(logits, answers, n_options, k).mean()
    assert float(metric.result()) == pytest.approx(found, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_sample_weights_count(map_at, batch):
    logits, answers, n_options = batch
    weights = np.random.default_rng(1).random(N_QUESTIONS).astype(np.float32)
    weights[:10] = 0
    metric = map_at()
    metric.update_state(answers, logits, sample_weight=weights)
    found = np.average(expected(logits, answers, n_options, 3), weights=weights)
    assert float(metric.result()) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("n_above", [0, 1, 2, 3])
@pytest.mark.parametrize("n_tied", [1, 2, 4])
def test_ties_have_their_expected_value(map_at, n_above, n_tied):
    logits = np.array([[2.0] * n_above + [1.0] * n_tied + [0.0, MISSING]], dtype=np.float32)
    metric = map_at()
    metric.update_state(np.array([n_above]), logits)
    # The mean over all orders of the tied options.
    orders = itertools.permutations(range(n_tied))
    ranks = np.array([n_above + 1.0 + order.index(0) for order in orders])
    assert float(metric.result()) == pytest.approx(MAPAtK(3).at_rank(ranks).mean(), abs=1e-6)


def test_it_is_made_again_from_its_arguments(map_at):
    assert map_at.from_config(map_at(2).get_config()).name == "map_at_2"
    with pytest.raises(SettingsError, match="k of at least 1"):
        map_at(0)
