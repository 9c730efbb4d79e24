import numpy as np
import pytest
import torch
from tests.lm.keras_models.tiny_readers import keras_logits, padded_batch

from llmexam.lm.keras_models.arrays import float_array, predicted
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.reader import load_keras_reader
from llmexam.training.base.losses import softmax_losses

PRESENT = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], dtype=bool)
LABELS = np.array([4, 0, 1], dtype=np.int32)


@pytest.fixture(scope="module")
def choice():
    """The module, which imports Keras."""
    import_keras("torch")
    from llmexam.lm.keras_models import choice_model

    return choice_model


@pytest.fixture
def logits(choice):
    drawn = np.random.default_rng(0).normal(size=PRESENT.shape, scale=3).astype(np.float32)
    return np.where(PRESENT, drawn, np.float32(choice.MISSING))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_the_torch_trainer(choice, logits, smoothing):
    given = torch.tensor(logits, requires_grad=True)
    found = choice.choice_loss(smoothing)(torch.from_numpy(LABELS), given)
    found.sum().backward()
    theirs = torch.where(torch.from_numpy(PRESENT), torch.from_numpy(logits), -torch.inf)
    theirs.requires_grad_()
    expected = softmax_losses(theirs, torch.from_numpy(LABELS).long(), smoothing)
    expected.sum().backward()
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-5)
    np.testing.assert_allclose(given.grad, theirs.grad, atol=1e-6)


def test_a_missing_option_has_probability_0(choice, logits):
    probabilities = float_array(import_keras().ops.softmax(torch.from_numpy(logits)))
    assert (probabilities[~PRESENT] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_options_are_padded_to_a_fixed_shape(choice):
    def tokens(*ids):
        return np.array(ids, np.int32), np.arange(len(ids)).astype(np.int8)

    found = choice.padded_options(
        [[tokens(5, 6, 7), tokens(8)]],
        ("token_ids", "segment_ids", "padding_mask"),
        n_questions=2,
        n_options=3,
        n_tokens=4,
        pad_id=9,
    )
    assert found["token_ids"][0].tolist() == [[5, 6, 7, 9], [8, 9, 9, 9], [9, 9, 9, 9]]
    assert found["segment_ids"][0].tolist() == [[0, 1, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    # Every sequence has a token, also where there is no option.
    assert found["padding_mask"][0].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert found["option_mask"].tolist() == [[1, 1, 0], [0, 0, 0]]
    assert {one.shape for name, one in found.items() if name != "option_mask"} == {(2, 3, 4)}
    assert all(one.dtype == np.int32 for one in found.values())


def test_only_inputs_of_the_backbone_are_given(choice):
    sizes = {"n_questions": 1, "n_options": 2, "n_tokens": 4, "pad_id": 0}
    found = choice.padded_options([], ("token_ids", "padding_mask"), **sizes)
    assert set(found) == {"token_ids", "padding_mask", "option_mask"}


def test_each_option_has_the_logit_of_its_sequence(choice, folder_of):
    reader = load_keras_reader(folder_of(head="mean"), head="mean", new_head=False)
    model = choice.choice_model(reader)
    flat = {name: np.concatenate([one, one[:1]]) for name, one in padded_batch(reader).items()}
    grouped = {name: one.reshape(2, 3, -1) for name, one in flat.items()}
    options = np.array([[1, 1, 1], [1, 1, 0]], dtype=np.int32)
    found = predicted(model, {**grouped, "option_mask": options})
    with torch.no_grad():
        single = keras_logits(reader, flat).reshape(2, 3)
    expected = np.where(options, single, np.float32(choice.MISSING))
    np.testing.assert_allclose(found, expected, atol=1e-5)
