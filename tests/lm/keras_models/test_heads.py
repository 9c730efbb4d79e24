import numpy as np
import pytest

from llmexam.lm.keras_models.arrays import float_array
from llmexam.lm.keras_models.backend import import_keras


@pytest.fixture(autouse=True, scope="module")
def _keras():
    import_keras("torch")


def test_mean_head_ignores_padding_and_gives_a_finite_logit_without_tokens():
    from llmexam.lm.keras_models.heads import mean_head

    head = mean_head(2)
    head.output_dense.kernel.assign(np.array([[1.0], [2.0]]))
    head.output_dense.bias.assign(np.array([0.5]))
    vectors = np.array([[[1.0, 0.0], [3.0, 2.0], [9.0, 9.0]]] * 2, dtype=np.float32)
    mask = np.array([[1, 1, 0], [0, 0, 0]])
    assert float_array(head(vectors, mask)).tolist() == [[2 + 2 * 1 + 0.5], [0.5]]


def test_native_head_reads_the_first_token():
    from llmexam.lm.keras_models.heads import native_head

    head = native_head(2, activation="relu", before=0.0, after=0.0)
    head.dense.kernel.assign(np.array([[1.0, -1.0], [0.0, 1.0]]))
    head.output_dense.kernel.assign(np.array([[1.0], [10.0]]))
    vectors = np.array([[[2.0, 1.0], [9.0, 9.0]]], dtype=np.float32)
    # The dense layer gives 2 and -1, of which relu leaves 2 and 0.
    assert float_array(head(vectors, np.ones((1, 2)))).tolist() == [[2.0]]
