"""Presets of KerasHub become folders of Hugging Face with the same token vectors."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers

from llmexam.errors import ModelError
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.preset import convert_preset
from llmexam.lm.keras_models.reader import load_keras_reader
from llmexam.lm.models.keras_preset import is_keras_preset
from llmexam.lm.models.loading import load_tokenizer, resolve_model

pytestmark = pytest.mark.filterwarnings(
    # Of Keras on torch, whenever it turns a tensor into an array.
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)

SIZES = dict(
    num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=32, max_sequence_length=24, dropout=0
)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "which", "red", "sea", "##s", "blue"]
BYTES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "r", "e", "d", "Ġ", "s", "a", "re", "red"]
MERGES = ["r e", "re d"]


def save_preset(folder, kind):
    """Write a preset with random weights, and return its backbone and its tokenizer."""
    import_keras("torch")
    import keras_hub

    models = keras_hub.models
    if kind == "roberta":
        backbone = models.RobertaBackbone(vocabulary_size=len(BYTES), **SIZES)
        assets = folder / "assets" / "tokenizer"
        assets.mkdir(parents=True)
        (assets / "vocabulary.json").write_text(json.dumps({w: i for i, w in enumerate(BYTES)}))
        (assets / "merges.txt").write_text("\n".join(MERGES))
        names = [str(assets / name) for name in ("vocabulary.json", "merges.txt")]
        tokenizer = models.RobertaTokenizer(*names)
    elif kind in ("xlm-roberta", "deberta"):
        made = {"xlm-roberta": models.XLMRobertaBackbone, "deberta": models.DebertaV3Backbone}
        more = {"bucket_size": 4} if kind == "deberta" else {}
        backbone = made[kind](vocabulary_size=60, **SIZES, **more)
        _train_sentencepiece(folder, kind)
        makes = {"xlm-roberta": models.XLMRobertaTokenizer, "deberta": models.DebertaV3Tokenizer}
        # Not its name: KerasHub leaves the file open.
        tokenizer = makes[kind]((folder / "assets" / "tokenizer" / "vocabulary.spm").read_bytes())
    elif kind == "electra":
        backbone = models.ElectraBackbone(
            vocab_size=len(WORDS), embedding_dim=8, num_segments=2, **SIZES
        )
    elif kind == "bert":
        backbone = models.BertBackbone(vocabulary_size=len(WORDS), num_segments=2, **SIZES)
    else:
        backbone = models.DistilBertBackbone(vocabulary_size=len(WORDS), **SIZES)
    draw = np.random.default_rng(0)
    for variable in backbone.weights:
        variable.assign(draw.normal(0, 0.5, tuple(variable.shape)).astype(np.float32))
    backbone.save_to_preset(str(folder))
    if kind in ("bert", "electra", "distilbert"):
        tokenizer = models.BertTokenizer(vocabulary=WORDS, lowercase=True)
        tokenizer.save_to_preset(str(folder))
    return backbone, tokenizer


def _train_sentencepiece(folder, kind):
    trainer = pytest.importorskip("sentencepiece").SentencePieceTrainer
    assets = folder / "assets" / "tokenizer"
    assets.mkdir(parents=True)
    special = (
        dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", unk_piece="[UNK]")
        | dict(bos_piece="[CLS]", eos_piece="[SEP]")
        if kind == "deberta"
        else dict(unk_id=0, bos_id=1, eos_id=2)
    )
    trainer.train(
        sentence_iterator=iter(["which red seas are blue", "a red sea"] * 20),
        model_prefix=str(assets / "vocabulary"),
        vocab_size=30,
        hard_vocab_limit=False,
        minloglevel=2,
        **special,
    )
    (assets / "vocabulary.model").rename(assets / "vocabulary.spm")
    (assets / "vocabulary.vocab").unlink()


def vectors_of(backbone, ids):
    from keras import ops

    inputs = {
        "token_ids": ids,
        "padding_mask": np.ones_like(ids),
        "segment_ids": np.zeros_like(ids),
    }
    names = {name.split(":")[0] for name in backbone.input}
    found = backbone({name: inputs[name] for name in names}, training=False)
    if isinstance(found, dict):
        found = found["sequence_output"]
    return ops.convert_to_numpy(found)


@pytest.mark.parametrize(
    "kind",
    [
        "bert",
        "roberta",
        "electra",
        "distilbert",
        "deberta",
        pytest.param("xlm-roberta", marks=pytest.mark.slow),
    ],
)
def test_vectors_and_tokens_are_those_of_the_preset(tmp_path, kind):
    (tmp_path / "preset").mkdir()
    backbone, tokenizer = save_preset(tmp_path / "preset", kind)
    convert_preset(tmp_path / "preset", tmp_path / "made")
    source = resolve_model(str(tmp_path / "made"))
    ids = np.array([[2, 5, 6, 7, 3, 8, 4, 5, 6]], dtype=np.int32)
    wanted = vectors_of(backbone, ids)
    model = transformers.AutoModel.from_pretrained(source.path).eval()
    with torch.no_grad():
        found = model(torch.from_numpy(ids).long()).last_hidden_state.numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-4)
    reader = load_keras_reader(source, head="mean")
    np.testing.assert_allclose(vectors_of(reader.backbone, ids), wanted, atol=2e-4)
    text = "Which red seas, red sea"
    tokens = load_tokenizer(source)(text, add_special_tokens=False)["input_ids"]
    assert tokens == [int(one) for one in tokenizer(text)]


@pytest.mark.slow
def test_a_preset_is_converted_once(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMEXAM_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tiny"
    folder.mkdir()
    backbone, _ = save_preset(folder, "bert")
    assert is_keras_preset(folder)
    first = resolve_model(str(folder))
    assert first.path.parent == tmp_path / "cache" / "models"
    assert first.name == str(folder)
    model = transformers.AutoModel.from_pretrained(first.path).eval()
    ids = np.array([[2, 5, 6, 3]], dtype=np.int32)
    with torch.no_grad():
        found = model(torch.from_numpy(ids).long()).last_hidden_state.numpy()
    np.testing.assert_allclose(found, vectors_of(backbone, ids), atol=2e-4)
    monkeypatch.setattr("llmexam.lm.models.keras_preset.subprocess.run", None)
    assert resolve_model(str(folder)) == first


def test_presets_of_other_classes_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMEXAM_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "gemma"
    folder.mkdir()
    save_preset(folder, "bert")
    told = json.loads((folder / "config.json").read_text())
    told |= {"class_name": "GemmaBackbone", "registered_name": "keras_hub>GemmaBackbone"}
    (folder / "config.json").write_text(json.dumps(told))
    with pytest.raises(ModelError, match=r"got one of 'GemmaBackbone'.*format of Hugging Face"):
        resolve_model(str(folder))
    assert not [one for one in (tmp_path / "cache" / "models").iterdir() if one.is_dir()]


def test_incomplete_presets_are_an_error(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    save_preset(folder, "bert")
    weights = folder / "model.weights.h5"
    content = weights.read_bytes()
    weights.write_bytes(content[:100])
    with pytest.raises(ModelError, match=r"model\.weights\.h5: cannot be read"):
        convert_preset(folder, tmp_path / "a")
    weights.write_bytes(content)
    shutil.rmtree(folder / "assets")
    with pytest.raises(ModelError, match="the preset has no tokenizer"):
        convert_preset(folder, tmp_path / "b")
    weights.unlink()
    with pytest.raises(ModelError, match=r"the preset of KerasHub has no model\.weights\.h5"):
        resolve_model(str(folder))


@pytest.mark.parametrize("name", ["kaggle://keras/bert/keras/bert_tiny_en_uncased", "gs://a/b"])
def test_other_stores_are_refused(name):
    with pytest.raises(ModelError, match="models are not downloaded from"):
        resolve_model(name)


def test_the_prefix_of_the_hub_is_ignored(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="cannot find model 'someone/none-such'"):
        resolve_model("hf://someone/none-such")
