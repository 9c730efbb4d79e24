"""Decoders with a head over the last token: what is read from a folder and written to it."""

import json

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.tiny_gemma import N_WORDS, config_of, save_tiny

from llmexam.errors import ModelError
from llmexam.lm.keras_models.decoder_reader import load_decoder_reader, save_decoder_reader
from llmexam.lm.models.loading import resolve_model

pytestmark = pytest.mark.filterwarnings(
    # Of Keras on torch, whenever it turns a tensor into an array.
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)
LENGTHS = (5, 12, 1)


def classifier(folder, kind="gemma3", **values):
    """Write a classifier of transformers with random weights and one label."""
    torch.manual_seed(0)
    config = config_of(kind, num_labels=1, **values)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    return folder


def rows_of(pad_id):
    draw = np.random.default_rng(0)
    ids = np.full((len(LENGTHS), max(LENGTHS)), pad_id, dtype=np.int32)
    mask = np.zeros_like(ids)
    for row, n in enumerate(LENGTHS):
        ids[row, :n] = draw.integers(4, N_WORDS, n)
        mask[row, :n] = 1
    return ids, mask


def by_keras(reader):
    from keras import ops

    ids, mask = rows_of(reader.pad_id)
    vectors = reader.backbone({"token_ids": ids, "padding_mask": mask}, training=False)
    return ops.convert_to_numpy(reader.head(vectors, mask))


def by_transformers(folder):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids, mask = rows_of(model.config.pad_token_id)
    with torch.no_grad():
        logits = model(
            input_ids=torch.from_numpy(ids).long(), attention_mask=torch.from_numpy(mask)
        ).logits
    return logits.numpy()


def load(folder, **more):
    return load_decoder_reader(resolve_model(str(folder)), **more)


@pytest.mark.parametrize("kind", ["gemma3", "qwen2"])
def test_a_classifier_of_transformers_is_read(tmp_path, kind):
    # Without an output layer in the file, as transformers saves classifiers.
    folder = classifier(tmp_path, kind, tie_word_embeddings=True)
    reader = load(folder, new_head=False)
    assert not reader.new_head
    np.testing.assert_allclose(by_keras(reader), by_transformers(folder), atol=1e-4)


def test_a_model_in_several_files_is_written_in_several_files(tmp_path):
    folder = save_tiny(tmp_path / "base", "qwen2", tie_word_embeddings=False)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    parts = [sorted(weights)[:6], sorted(weights)[6:]]
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for name, part in zip(names, parts, strict=True):
        save_file({one: weights[one] for one in part}, folder / name, metadata={"format": "pt"})
    places = {one: name for name, part in zip(names, parts, strict=True) for one in part}
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    reader = load(folder, seed=3)
    assert reader.new_head
    save_decoder_reader(reader, tmp_path / "saved")
    assert sorted(one.name for one in (tmp_path / "saved").glob("*.safetensors")) == names
    np.testing.assert_allclose(by_keras(reader), by_transformers(tmp_path / "saved"), atol=1e-4)
    again = load(tmp_path / "saved", new_head=False)
    np.testing.assert_allclose(by_keras(again), by_keras(reader), atol=1e-6)


def test_the_padding_is_that_of_the_tokenizer(tmp_path):
    folder = save_tiny(tmp_path / "base", "qwen2", pad_token_id=None)
    reader = load(folder, pad_ids=(None, 3))
    save_decoder_reader(reader, tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["pad_token_id"] == 3
    np.testing.assert_allclose(by_keras(reader), by_transformers(tmp_path / "saved"), atol=1e-4)


def test_without_a_trained_head_there_are_no_scores(tmp_path):
    with pytest.raises(ModelError, match=r"no score\.weight, so its head was not trained"):
        load(save_tiny(tmp_path), new_head=False)


def test_several_labels_are_refused(tmp_path):
    folder = classifier(tmp_path, tie_word_embeddings=True)
    weights = load_file(folder / "model.safetensors")
    weights["score.weight"] = weights["score.weight"].repeat(3, 1)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"shape \(1, 16\), got \(3, 16\).*A reader has one label"):
        load(folder)
