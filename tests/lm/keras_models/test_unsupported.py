"""What a Keras reader refuses, and files of unusual form that it reads."""

import json

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.lm.keras_models.tiny_readers import SIZE, keras_logits, padded_batch, torch_logits

from llmexam.errors import ModelError
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.reader import load_keras_reader
from llmexam.lm.models.loading import ModelFolder, resolve_model


@pytest.fixture(autouse=True, scope="module")
def _keras():
    import_keras("torch")


def rewrite(folder, change):
    """Change the tensors of a folder's file."""
    path = folder.path / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def set_key(folder, key, value):
    path = folder.path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {key: value}), "utf-8")


@pytest.mark.parametrize(
    ("family", "key", "value"),
    [
        ("bert", "position_embedding_type", "relative_key"),
        ("bert", "is_decoder", True),
        ("bert", "hidden_act", "laplace"),
        ("bert", "type_vocab_size", 1),
        ("electra", "summary_type", "last"),
        ("electra", "summary_use_proj", False),
        ("roberta", "type_vocab_size", 2),
        ("deberta-v2", "relative_attention", False),
        ("deberta-v2", "share_att_key", False),
        ("deberta-v2", "norm_rel_ebd", "none"),
        ("deberta-v2", "position_biased_input", True),
        ("deberta-v2", "pos_att_type", ["c2p"]),
        ("deberta-v2", "position_buckets", -1),
        ("deberta-v2", "type_vocab_size", 2),
        ("deberta-v2", "conv_kernel_size", 3),
        ("deberta-v2", "embedding_size", 8),
        ("deberta-v2", "pooler_hidden_size", 8),
    ],
)
def test_settings_that_kerashub_lacks_are_errors(folder_of, family, key, value):
    folder = folder_of(family, "native")
    set_key(folder, key, value)
    with pytest.raises(ModelError, match=rf"config\.json field '{key}': expected .*, got "):
        load_keras_reader(folder, head="native")


def test_another_architecture_is_an_error(tmp_path):
    model = transformers.MPNetModel(transformers.MPNetConfig(**SIZE))
    model.save_pretrained(tmp_path / "mpnet")
    with pytest.raises(ModelError, match=r"expected a model of type bert, .*, got 'mpnet'"):
        load_keras_reader(resolve_model(str(tmp_path / "mpnet")), head="mean")


def test_a_missing_tensor_is_named_with_its_file(folder_of):
    folder = folder_of("bert", "native")
    name = "bert.encoder.layer.1.output.dense.weight"
    rewrite(folder, lambda all_: {n: t for n, t in all_.items() if n != name})
    with pytest.raises(
        ModelError, match=r"model\.safetensors: .*no tensor 'encoder\.layer\.1\.output\.dense\.w"
    ):
        load_keras_reader(folder, head="native")


def test_a_tensor_of_another_shape_is_named(folder_of):
    folder = folder_of("roberta", "native")
    name = "roberta.embeddings.position_embeddings.weight"
    rewrite(folder, lambda all_: all_ | {name: all_[name][:-1].clone()})
    with pytest.raises(
        ModelError, match=r"position_embeddings\.weight' of shape \(40, 16\), got \(39, 16\)"
    ):
        load_keras_reader(folder, head="native")


def test_weights_that_nothing_uses_are_an_error(folder_of):
    folder = folder_of("bert", "native")
    extra = "bert.encoder.layer.2.output.dense.bias"
    rewrite(folder, lambda all_: all_ | {extra: torch.zeros(16)})
    with pytest.raises(ModelError, match=r"no weights for tensor 'bert\.encoder\.layer\.2"):
        load_keras_reader(folder, head="native")


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_mean_head_must_have_one_output(folder_of, n_outputs):
    folder = folder_of("bert", "mean")
    head = {"weight": torch.ones(n_outputs, 16), "bias": torch.zeros(n_outputs)}
    save_file(head, folder.path / "head.safetensors")
    if n_outputs == 1:
        assert not load_keras_reader(folder, head="mean").new_head
    else:
        with pytest.raises(ModelError, match=r"head\.safetensors: .*\(1, 16\), got \(3, 16\)"):
            load_keras_reader(folder, head="mean")


def test_a_damaged_file_is_an_error(folder_of):
    folder = folder_of("bert", "native")
    (folder.path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read"):
        load_keras_reader(folder, head="native")


def test_old_names_of_layer_norms_and_unused_buffers_are_read(folder_of):
    folder = folder_of("bert", "native")
    reader = load_keras_reader(folder, head="native")
    batch = padded_batch(reader)
    expected = keras_logits(reader, batch)

    def age(tensors):
        old = {
            name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): tensor
            for name, tensor in tensors.items()
        }
        return old | {"bert.embeddings.position_ids": torch.arange(40)[None]}

    rewrite(folder, age)
    again = load_keras_reader(folder, head="native")
    np.testing.assert_array_equal(keras_logits(again, batch), expected)


def test_shards_and_half_precision_are_read(folder_of, tmp_path):
    folder = folder_of("electra", "native")
    model = transformers.AutoModelForMultipleChoice.from_pretrained(
        folder.path, dtype=torch.bfloat16
    )
    model.save_pretrained(tmp_path / "shards", max_shard_size="4KB")
    shards = resolve_model(str(tmp_path / "shards"))
    assert len(shards.weight_files) > 1
    reader = load_keras_reader(shards, head="native")
    batch = padded_batch(reader)
    expected = torch_logits(shards, "native", batch)
    np.testing.assert_allclose(keras_logits(reader, batch), expected, atol=1e-5)

    shards.weight_files[0].unlink()
    with pytest.raises(ModelError, match=shards.weight_files[0].name):
        load_keras_reader(shards, head="native")


def test_an_index_names_files_of_its_folder_only(folder_of):
    folder = folder_of("bert", "native")
    (folder.path / "model.safetensors").rename(folder.path.parent / "model.safetensors")
    index = folder.path / "model.safetensors.index.json"
    for content, message in (
        ({"weight_map": {"a": "../model.safetensors"}}, "names of files in this folder"),
        ({"weight_map": {}}, "weight_map"),
    ):
        index.write_text(json.dumps(content), "utf-8")
        with pytest.raises(ModelError, match=message):
            load_keras_reader(folder, head="native")
    index.unlink()
    with pytest.raises(ModelError, match="no model"):
        load_keras_reader(ModelFolder("x", folder.path, ()), head="native")
