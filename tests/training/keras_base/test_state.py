import numpy as np
import pytest
import torch

from llmexam.errors import RunError
from llmexam.lm.keras_models.arrays import numpy_array


@pytest.fixture(scope="module")
def state(keras):
    """The module, which imports Keras through others."""
    from llmexam.training.keras_base import state

    return state


@pytest.fixture
def variables(keras):
    draw = np.random.default_rng(0)
    values = [draw.normal(size=(3, 2)), draw.normal(size=4), np.float64(7.5)]
    kept = [keras.Variable(one.astype("float32"), name="weight") for one in values]
    count = keras.Variable(np.array(12), dtype="int64", trainable=False, name="iteration")
    return [*kept, count]


def arrays(variables):
    return [numpy_array(one).copy() for one in variables]


def test_variables_are_restored(state, variables, tmp_path):
    before = arrays(variables)
    state.save_variables(tmp_path / "state.safetensors", variables)
    for one in variables:
        one.assign(np.zeros(tuple(one.shape)))
    state.load_variables(tmp_path / "state.safetensors", variables)
    for one, value in zip(arrays(variables), before, strict=True):
        assert one.dtype == value.dtype
        np.testing.assert_array_equal(one, value)


def test_variables_of_another_model_are_refused(state, variables, keras, tmp_path):
    path = tmp_path / "state.safetensors"
    state.save_variables(path, variables)
    before = arrays(variables)
    other_shape = [keras.Variable(np.zeros((2, 2)), name="weight"), *variables[1:]]
    for other in (variables[:2], [*variables, variables[0]], other_shape):
        with pytest.raises(RunError, match=r"belong to another model.*--overwrite"):
            state.load_variables(path, other)
    for one, value in zip(arrays(variables), before, strict=True):
        np.testing.assert_array_equal(one, value)


def test_damaged_and_missing_files_are_refused(state, variables, tmp_path):
    with pytest.raises(RunError, match=r"cannot read the weights.*missing\.safetensors"):
        state.load_variables(tmp_path / "missing.safetensors", variables)
    (tmp_path / "bad.safetensors").write_bytes(b"no tensors")
    with pytest.raises(RunError, match="cannot read the weights"):
        state.load_variables(tmp_path / "bad.safetensors", variables)


def test_the_random_state_of_torch_is_restored(state, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        state.save_random_state(tmp_path / "random.safetensors")
        expected = torch.rand(3)
        torch.rand(10)
        state.load_random_state(tmp_path / "random.safetensors")
        assert torch.equal(torch.rand(3), expected)


def test_only_the_best_weights_that_are_needed_stay(state, tiny, tmp_path):
    best = state.BestVariables(tiny.model, tmp_path)
    kernel = tiny.reader.head.output_dense.kernel
    for step in (1, 2, 3):
        kernel.assign(np.full(tuple(kernel.shape), float(step)))
        best.save(step)
    best.prune({1, 3})
    assert {path.stem for path in (tmp_path / "best").iterdir()} == {"step-1", "step-3"}
    best.load(1)
    np.testing.assert_array_equal(numpy_array(kernel), 1.0)
    with pytest.raises(RunError, match="cannot read the weights"):
        best.load(2)


def test_the_average_is_applied_and_taken_back(state, tiny, settings_for):
    from llmexam.training.keras_base.optimiser import create_optimiser

    model = tiny.model
    model.compile(create_optimiser(model, settings_for(ema_decay=0.5, warmup_ratio=0.0), 4))
    variables = model.trainable_variables
    # The average starts at the weights after the first step.
    for _ in range(2):
        model.optimizer.apply([torch.ones(tuple(v.shape)) for v in variables], variables)
        before = arrays(variables)
    with state.KerasAverage(model).applied():
        inside = arrays(variables)
    for one, own, average in zip(arrays(variables), before, inside, strict=True):
        np.testing.assert_array_equal(one, own)
        assert np.abs(average - own).max() > 0
