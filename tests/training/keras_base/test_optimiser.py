import numpy as np
import pytest
import torch
import transformers
from tests.lm.keras_models.conftest import folder_of  # noqa: F401
from tests.tiny_gemma import save_tiny

from llmexam.errors import SettingsError
from llmexam.lm.keras_models.arrays import numpy_array

N_STEPS = 20


@pytest.fixture(scope="module")
def optimiser(keras):
    """The module, which imports Keras."""
    from llmexam.training.keras_base import optimiser

    return optimiser


def rates_of_transformers(schedule, peak, n_warmup, n_steps):
    make = {
        "linear": transformers.get_linear_schedule_with_warmup,
        "cosine": transformers.get_cosine_schedule_with_warmup,
        "constant": transformers.get_constant_schedule_with_warmup,
    }[schedule]
    steps = {} if schedule == "constant" else {"num_training_steps": n_steps}
    own = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    theirs = make(own, num_warmup_steps=n_warmup, **steps)
    rates = []
    for _ in range(n_steps):
        rates.append(theirs.get_last_lr()[0])
        own.step()
        theirs.step()
    return rates


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize(("ratio", "n_warmup"), [(0.0, 0), (0.12, 3), (0.5, 10)])
def test_schedules_are_those_of_transformers(optimiser, settings_for, schedule, ratio, n_warmup):
    settings = settings_for(schedule=schedule, warmup_ratio=ratio, learning_rate=2e-3)
    ours = optimiser.learning_rates(settings, N_STEPS)
    found = [float(ours(step)) for step in range(N_STEPS)]
    expected = rates_of_transformers(schedule, 2e-3, n_warmup, N_STEPS)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


def test_passes_of_a_step_have_its_rate(optimiser, settings_for):
    settings = settings_for(gradient_accumulation=4, warmup_ratio=0.25)
    whole = optimiser.learning_rates(settings_for(warmup_ratio=0.25), 8)
    parts = optimiser.learning_rates(settings, 8)
    found = [float(parts(n)) for n in range(32)]
    np.testing.assert_allclose(found, np.repeat([float(whole(n)) for n in range(8)], 4), rtol=1e-6)


def test_an_optimiser_with_accumulation_takes_steps_at_these_rates(keras, optimiser):
    schedule = optimiser.PerStep(optimiser.LinearDecay(0.5, 0, 4), 2)
    adam = keras.optimizers.AdamW(
        schedule, weight_decay=0.0, epsilon=1e-8, gradient_accumulation_steps=2
    )
    variable = keras.Variable(np.zeros(3, dtype="float32"))
    places = []
    for _ in range(8):
        adam.apply([torch.ones(3)], [variable])
        places.append(float(numpy_array(variable)[0]))
    # With equal gradients each step of Adam is the learning rate.
    moved = -np.diff([0.0, *places])
    np.testing.assert_allclose(moved, [0, 0.5, 0, 0.375, 0, 0.25, 0, 0.125], atol=1e-5)


def movement(optimiser, tiny, settings, gradient, head=()):
    """Return how far one step moves the variables, by path."""
    variables = tiny.model.trainable_variables
    made = optimiser.create_optimiser(tiny.model, settings, 10, head)
    before = [numpy_array(one).copy() for one in variables]
    made.apply([torch.full(tuple(one.shape), gradient) for one in variables], variables)
    return {
        one.path: before[place] - numpy_array(one) for place, one in enumerate(variables)
    }, dict(zip([one.path for one in variables], before, strict=True))


def test_rates_differ_by_layer(optimiser, tiny, settings_for):
    settings = settings_for(
        layer_decay=0.5,
        head_learning_rate=0.1,
        learning_rate=0.01,
        schedule="constant",
        warmup_ratio=0.0,
        weight_decay=0.0,
    )
    head = tiny.reader.head.trainable_variables
    moved, _ = movement(optimiser, tiny, settings, 1.0, head)
    expected = {"transformer_layer_0": 0.005, "transformer_layer_1": 0.01, "embedding": 0.0025}
    for path, by in moved.items():
        is_head = path.startswith("output_dense")
        rate = 0.1 if is_head else next(expected[part] for part in expected if part in path)
        np.testing.assert_allclose(by, rate, rtol=1e-3, err_msg=path)
    assert any(path.startswith("output_dense") for path in moved)


def test_biases_and_norms_have_no_weight_decay(optimiser, tiny, settings_for):
    settings = settings_for(
        weight_decay=0.5, layer_decay=0.5, learning_rate=0.1, schedule="constant", warmup_ratio=0.0
    )
    moved, before = movement(optimiser, tiny, settings, 0.0)
    decayed = 0
    for path, by in moved.items():
        if path.endswith(("bias", "beta", "gamma")):
            np.testing.assert_array_equal(by, 0, err_msg=path)
            continue
        # In proportion to the variable's learning rate, as in torch.
        layer = 0.5 if "layer_0" in path else 0.25 if "embedding" in path else 1.0
        np.testing.assert_allclose(by, 0.1 * 0.5 * layer * before[path], atol=1e-6, err_msg=path)
        decayed += 1
    assert decayed >= 12


def test_frozen_layers_are_not_trained(optimiser, tiny, settings_for):
    optimiser.freeze(tiny.reader.backbone, settings_for(freeze_embeddings=True, freeze_layers=1))
    paths = [one.path for one in tiny.model.trainable_variables]
    assert paths
    assert not [path for path in paths if "token_embedding" in path or "layer_0/" in path]
    assert [path for path in paths if "layer_1/" in path]


def test_an_output_layer_beside_the_embeddings_is_trained(keras, optimiser, settings_for, tmp_path):
    from llmexam.lm.keras_models.causal import load_keras_decoder
    from llmexam.lm.models.loading import resolve_model

    folder = save_tiny(tmp_path, "llama", tie_word_embeddings=False)
    backbone = load_keras_decoder(resolve_model(str(folder))).backbone
    optimiser.freeze(backbone, settings_for(freeze_embeddings=True))
    embedding = backbone.token_embedding
    assert not embedding.embeddings.trainable
    assert [id(one) for one in embedding.trainable_weights] == [id(embedding.reverse_embeddings)]


def test_the_projection_of_electra_is_trained(
    keras,
    optimiser,
    settings_for,
    folder_of,  # noqa: F811
):
    from llmexam.lm.keras_models.reader import load_keras_reader

    reader = load_keras_reader(folder_of("electra"), head="mean")
    optimiser.freeze(reader.backbone, settings_for(freeze_embeddings=True))
    frozen = [one for one in reader.backbone.layers if one.weights and not one.trainable_weights]
    assert frozen
    assert not [one.name for one in frozen if "projection" in one.name]


def test_what_cannot_be_frozen_is_an_error(optimiser, tiny, keras, settings_for):
    with pytest.raises(SettingsError, match="cannot freeze 3 layers: the model has 2"):
        optimiser.freeze(tiny.reader.backbone, settings_for(freeze_layers=3))
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(SettingsError, match="cannot find the embeddings"):
        optimiser.freeze(plain, settings_for(freeze_embeddings=True))
    with pytest.raises(SettingsError, match="cannot find the layers"):
        optimiser.create_optimiser(plain, settings_for(layer_decay=0.9), 10)
    plain.trainable = False
    with pytest.raises(SettingsError, match="nothing to train"):
        optimiser.create_optimiser(plain, settings_for(), 10)


@pytest.mark.parametrize("n_passes", [1, 3])
def test_the_average_is_that_of_the_torch_families(keras, optimiser, settings_for, n_passes):
    from llmexam.training.base.weights import Average

    settings = settings_for(
        ema_decay=0.9, gradient_accumulation=n_passes, weight_decay=0.0, schedule="constant"
    )
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    ours = optimiser.create_optimiser(model, settings, N_STEPS)
    ours.build(model.trainable_variables)
    module = torch.nn.Linear(2, 3, bias=False)
    theirs = None
    draw = np.random.default_rng(0)
    for step in range(1, 8):
        for _ in range(n_passes):
            gradient = keras.ops.convert_to_tensor(draw.normal(size=(3, 2)).astype("float32"))
            with torch.no_grad():
                ours.apply([gradient])
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(numpy_array(model.trainable_variables[0])))
        if theirs is None:
            # Keras's begins with the weights after the first step.
            theirs = Average(module, 0.9)
        else:
            theirs.update(step)
        (average,) = ours._model_variables_moving_average
        np.testing.assert_allclose(
            numpy_array(average), theirs.weights["weight"].numpy(), atol=1e-6
        )
