import numpy as np
import pytest

from llmexam.lm.keras_models.arrays import float_array
from llmexam.lm.keras_models.backend import import_keras


@pytest.fixture(autouse=True, scope="module")
def _keras():
    import_keras("torch")


def encoder(dropout):
    from keras_hub.layers import TransformerEncoder

    layer = TransformerEncoder(32, 2, dropout=dropout, activation="gelu", bias_initializer="normal")
    layer.build((None, None, 16))
    return layer


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_outputs_and_weights_are_those_of_keras(dropout):
    from llmexam.lm.keras_models.fused_layers import use_fused_layers

    layer = encoder(dropout)
    vectors = np.random.default_rng(0).normal(size=(3, 5, 16)).astype(np.float32)
    # The last sequence is padding alone, which fills up batches.
    mask = np.array([[1] * 5, [1, 1, 0, 0, 0], [0] * 5])
    expected = float_array(layer(vectors, padding_mask=mask))
    paths = [one.path for one in layer.weights]
    use_fused_layers(layer)
    changed = [one for one in layer._flatten_layers() if "fused" in type(one).__module__]
    assert len(changed) == 7
    found = float_array(layer(vectors, padding_mask=mask))
    np.testing.assert_allclose(found[:2], expected[:2], atol=1e-5)
    assert np.isfinite(found).all()
    assert [one.path for one in layer.weights] == paths
    trained = float_array(layer(vectors, padding_mask=mask, training=True))
    assert np.allclose(trained[:2], expected[:2], atol=1e-5) == (dropout == 0)


def test_attention_still_returns_its_weights():
    from llmexam.lm.keras_models.fused_layers import use_fused_layers

    layer = encoder(0.0)
    use_fused_layers(layer)
    vectors = np.random.default_rng(0).normal(size=(3, 5, 16)).astype(np.float32)
    outputs, weights = layer(vectors, return_attention_scores=True)
    np.testing.assert_allclose(float_array(weights).sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(float_array(outputs), float_array(layer(vectors)), atol=1e-5)


@pytest.mark.parametrize(
    ("equation", "shape", "bias_axes"),
    [("abc,bcd->ad", (4,), "d"), ("abc,cd->adb", (4, 5), None), ("...c,cd->...d", (4,), "d")],
)
def test_other_equations_are_left_to_keras(equation, shape, bias_axes):
    from llmexam.lm.keras_models.fused_layers import use_fused_layers

    keras = import_keras()
    layer = keras.layers.EinsumDense(equation, shape, bias_axes=bias_axes)
    layer.build((None, 5, 3))
    vectors = np.ones((2, 5, 3), dtype=np.float32)
    expected = float_array(layer(vectors))
    use_fused_layers(layer)
    np.testing.assert_allclose(float_array(layer(vectors)), expected, atol=1e-6)
