import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.lm.keras_models.tiny_readers import CONFIGS, keras_logits, padded_batch, torch_logits

from llmexam.errors import ModelError
from llmexam.lm.keras_models.arrays import float_array
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.reader import load_keras_reader, save_keras_reader
from llmexam.lm.models.loading import load_encoder, resolve_model
from llmexam.lm.readers.reader import load_reader

HEADS = ["native", "mean"]
# The others differ from these two by less, and are run with the slow tests.
QUICK = ("bert", "deberta-v2")
FAMILIES = [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in CONFIGS]
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True, scope="module")
def _keras():
    import_keras("torch")


def saved(reader, folder):
    save_keras_reader(reader, folder)
    return resolve_model(str(folder))


def rewrite(folder, change):
    """Change the tensors of a folder's file."""
    path = folder.path / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_equal_torch_before_and_after_saving(folder_of, tmp_path, family, head):
    folder = folder_of(family, head)
    reader = load_keras_reader(folder, head=head)
    assert (reader.architecture, reader.head_kind, reader.new_head) == (family, head, False)
    batch = padded_batch(reader)
    expected = torch_logits(folder, head, batch)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(keras_logits(reader, batch), expected, atol=1e-5)

    again = saved(reader, tmp_path / "saved")
    np.testing.assert_allclose(torch_logits(again, head, batch), expected, atol=1e-6)
    if head == "native":
        model = transformers.AutoModelForMultipleChoice.from_pretrained(again.path).eval()
        assert model.config.architectures == [type(model).__name__]
        names = {"token_ids": "input_ids", "segment_ids": "token_type_ids"}
        inputs = {
            names.get(name, "attention_mask"): torch.tensor(value, dtype=torch.long)[None]
            for name, value in batch.items()
        }
        with torch.no_grad():
            logits = model(**inputs).logits
        np.testing.assert_allclose(logits.numpy().T, expected, atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_saved_files_have_the_tensors_of_torch(folder_of, tmp_path, family, head):
    folder = folder_of(family, head)
    again = saved(load_keras_reader(folder, head=head), tmp_path / "saved")
    assert [path.name for path in again.weight_files] == [path.name for path in folder.weight_files]
    before, after = (
        {name: value for path in one.weight_files for name, value in load_file(path).items()}
        for one in (folder, again)
    )
    assert before.keys() == after.keys()
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    # RoBERTa's constant token type is added to its positions.
    wanted = ("position", "token_type") if "roberta" in family else ()
    prefix = "roberta.embeddings" if head == "native" else "embeddings"
    assert changed == {f"{prefix}.{name}_embeddings.weight" for name in wanted}
    config = json.loads((again.path / "config.json").read_text("utf-8"))
    assert config["dtype"] == "float32"
    assert config["model_type"] == family


@pytest.mark.parametrize("family", FAMILIES)
def test_limits_equal_those_of_torch(folder_of, family):
    folder = folder_of(family)
    reader = load_keras_reader(folder, head="mean")
    other = load_reader(folder, head="mean", new_head=True)
    assert reader.pad_id == other.pad_id
    assert ("segment_ids" in reader.inputs) == other.tells_types
    limits = {"deberta-v2": None, "roberta": 38, "xlm-roberta": 38}
    assert reader.max_tokens == limits.get(family, 40)
    assert len(reader.layers) == 2


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize("family", QUICK)
def test_activation_and_epsilon_are_those_of_the_configuration(folder_of, family, activation):
    own = {"hidden_act": activation, "layer_norm_eps": 1e-2}
    if family == "deberta-v2":
        own["pooler_hidden_act"] = activation
    folder = folder_of(family, "native", **own)
    reader = load_keras_reader(folder, head="native")
    batch = padded_batch(reader)
    expected = torch_logits(folder, "native", batch)
    np.testing.assert_allclose(keras_logits(reader, batch), expected, atol=1e-5)


def test_electra_without_projection_and_activation(folder_of):
    folder = folder_of("electra", "native", embedding_size=16, summary_activation="")
    reader = load_keras_reader(folder, head="native")
    batch = padded_batch(reader)
    expected = torch_logits(folder, "native", batch)
    np.testing.assert_allclose(keras_logits(reader, batch), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("families", [{"bert": "mean"}, dict.fromkeys(CONFIGS, "native")])
def test_jax_gives_the_logits_of_torch(folder_of, tmp_path, families):
    wanted, folders = {}, []
    for family, head in families.items():
        folder = folder_of(family, head)
        folders.append([str(folder.path), head])
        batch = padded_batch(load_keras_reader(folder, head=head))
        wanted[f"arr_{len(wanted)}"] = torch_logits(folder, head, batch)
    program = """
import json, sys
import numpy as np
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.reader import load_keras_reader
from llmexam.lm.models.loading import resolve_model
from tests.lm.keras_models.tiny_readers import keras_logits, padded_batch
assert import_keras().backend.backend() == "jax"
rows = []
for name, head in json.loads(sys.argv[1]):
    reader = load_keras_reader(resolve_model(name), head=head)
    rows.append(keras_logits(reader, padded_batch(reader)))
np.savez(sys.argv[2], *rows)
"""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": path,
        # Each operation is compiled for each shape, which takes longer than running it.
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    target = tmp_path / "jax.npz"
    command = [sys.executable, "-c", program, json.dumps(folders), str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(target)
    for name, expected in wanted.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-4)


def test_a_model_of_inputs_trains_all_weights(folder_of):
    keras = import_keras()
    for head in HEADS:
        reader = load_keras_reader(folder_of(), head=head, seed=1)
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in reader.inputs}
        logits = reader.head(reader.backbone(inputs), inputs["padding_mask"])
        model = keras.Model(inputs, logits)
        batch = padded_batch(reader)
        np.testing.assert_allclose(
            float_array(model(batch)), keras_logits(reader, batch), atol=1e-6
        )
        model(batch, training=True).square().sum().backward()
        without = [one.path for one in model.trainable_variables if one.value.grad is None]
        assert without == []


@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_is_drawn_in_training_only(folder_of, family):
    folder = folder_of(family, "native")
    batch = padded_batch(load_keras_reader(folder, head="native"))
    expected = torch_logits(folder, "native", batch)
    for rate in (0.5, 0.0):
        reader = load_keras_reader(folder, head="native", dropout=rate)
        np.testing.assert_allclose(keras_logits(reader, batch), expected, atol=1e-5)
        vectors = reader.backbone(batch, training=True)
        logits = reader.head(vectors, batch["padding_mask"], training=True)
        differs = not np.allclose(float_array(logits), expected, atol=1e-5)
        assert differs == (rate > 0)


@pytest.mark.parametrize("family", ["bert", "deberta-v2"])
def test_each_dropout_has_the_rate_of_the_configuration(folder_of, family):
    own = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.4}
    reader = load_keras_reader(folder_of(family, "native", **own), head="native")
    for layer in reader.layers:
        attention = layer._self_attention_layer
        drawn = getattr(attention, "_attn_dropout_layer", None) or attention._dropout_layer
        assert drawn.rate == 0.4
        assert layer._self_attention_dropout.rate == layer._feedforward_dropout.rate == 0.0


@pytest.mark.parametrize("head", HEADS)
def test_mixed_precision_keeps_weights_and_logits_in_float32(folder_of, tmp_path, head):
    folder = folder_of("bert", head)
    reader = load_keras_reader(folder, head=head, dtype="mixed_bfloat16")
    batch = padded_batch(reader)
    vectors = reader.backbone(batch)
    assert vectors.dtype == torch.bfloat16
    logits = reader.head(vectors, batch["padding_mask"])
    assert logits.dtype == torch.float32
    expected = torch_logits(folder, head, batch)
    np.testing.assert_allclose(float_array(logits), expected, atol=0.1)
    again = saved(reader, tmp_path / "saved")
    np.testing.assert_allclose(torch_logits(again, head, batch), expected, atol=1e-6)


@pytest.mark.parametrize("family", ["bert", "deberta-v2"])
def test_adapters_are_merged_when_saved(folder_of, tmp_path, family):
    folder = folder_of(family, "mean")
    reader = load_keras_reader(folder, head="mean")
    batch = padded_batch(reader)
    before = keras_logits(reader, batch)
    reader.backbone.enable_lora(2)
    for variable in reader.backbone.trainable_variables:
        variable.assign_add(np.full(variable.shape, 0.3, dtype=np.float32))
    after = keras_logits(reader, batch)
    assert not np.allclose(before, after, atol=1e-3)
    again = saved(reader, tmp_path / "saved")
    np.testing.assert_allclose(torch_logits(again, "mean", batch), after, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_quantized_weights_are_not_saved(folder_of, tmp_path):
    reader = load_keras_reader(folder_of(), head="mean")
    reader.backbone.token_embedding.quantize("int8")
    with pytest.raises(ModelError, match="'token_embedding' has int8"):
        save_keras_reader(reader, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("head", HEADS)
def test_a_new_head_is_decided_by_its_seed(folder_of, head):
    folder = folder_of("deberta-v2")
    readers = [load_keras_reader(folder, head=head, seed=seed) for seed in (1, 1, 2)]
    assert all(reader.new_head for reader in readers)
    batch = padded_batch(readers[0])
    first, same, other = (keras_logits(reader, batch) for reader in readers)
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
    drawn = [float_array(one) for one in readers[0].head.weights]
    kernels = np.concatenate([one.ravel() for one in drawn if one.ndim == 2])
    assert 0.01 < kernels.std() < 0.03
    assert not any(one.any() for one in drawn if one.ndim == 1)


@pytest.mark.parametrize("head", HEADS)
def test_a_trained_head_is_used_or_replaced_as_asked(folder_of, head):
    folder = folder_of("bert", head)
    batch = padded_batch(load_keras_reader(folder, head=head))
    expected = torch_logits(folder, head, batch)
    kept = load_keras_reader(folder, head=head, new_head=False)
    np.testing.assert_allclose(keras_logits(kept, batch), expected, atol=1e-5)
    new = load_keras_reader(folder, head=head, new_head=True)
    assert new.new_head
    assert not np.allclose(keras_logits(new, batch), expected, atol=1e-3)
    with pytest.raises(ModelError, match=r"head|tensor 'classifier"):
        load_keras_reader(folder_of("bert"), head=head, new_head=False)


def test_a_new_native_head_keeps_the_pooler_of_the_encoder(folder_of):
    folder = folder_of("bert")
    reader = load_keras_reader(folder, head="native", new_head=True)
    pooler = load_file(folder.path / "model.safetensors")["pooler.dense.weight"]
    np.testing.assert_array_equal(float_array(reader.head.dense.kernel).T, pooler.numpy())
    # Without one, as a mean reader is saved, it is drawn.
    rewrite(folder, lambda all_: {n: t for n, t in all_.items() if "pooler" not in n})
    reader = load_keras_reader(folder, head="native")
    assert 0.01 < float_array(reader.head.dense.kernel).std() < 0.03


@pytest.mark.slow
def test_bundled_model_gives_the_vectors_of_transformers():
    folder = resolve_model("bundled")
    reader = load_keras_reader(folder, head="mean")
    model = load_encoder(folder, dtype=torch.float32)
    generator = np.random.default_rng(0)
    ids = generator.integers(1000, 20_000, (4, 30))
    mask = np.ones_like(ids)
    mask[0, 20:] = 0
    types = generator.integers(0, 2, ids.shape)
    vectors = reader.backbone({"token_ids": ids, "segment_ids": types, "padding_mask": mask})
    with torch.no_grad():
        expected = model(
            input_ids=torch.tensor(ids),
            attention_mask=torch.tensor(mask),
            token_type_ids=torch.tensor(types),
        ).last_hidden_state
    kept = mask.astype(bool)
    np.testing.assert_allclose(float_array(vectors)[kept], expected.numpy()[kept], atol=1e-4)
