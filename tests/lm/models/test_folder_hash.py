"""Which files of a model's folder change its name, and which do not."""

import json

import pytest

from llmexam.lm.models.card import ModelCard, write_card
from llmexam.lm.models.folder_hash import hash_model_folder
from llmexam.lm.models.loading import resolve_model

CARD = {"family": "bi-encoder", "base_model": "x", "base_weights_hash": "y"}


def write(file, value):
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(value), "utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "1_Pooling/config.json",
        "head.safetensors",
        "model.safetensors",
        "chat_template.jinja",
    ],
)
def test_each_file_that_decides_a_score_is_hashed(tiny_folder, name):
    folder = tiny_folder()
    before = resolve_model(str(folder)).weights_hash
    file = folder / name
    old = file.read_bytes() if file.exists() else b""
    # JSON may end in spaces.
    file.write_bytes(old + b" ")
    assert resolve_model(str(folder)).weights_hash != before
    if old:
        file.write_bytes(old)
        assert resolve_model(str(folder)).weights_hash == before


def test_the_files_of_a_dense_layer_are_hashed(tiny_folder):
    folder = tiny_folder()
    kinds = [("Transformer", ""), ("Dense", "2_Dense")]
    write(
        folder / "modules.json",
        [{"type": f"sentence_transformers.models.{kind}", "path": place} for kind, place in kinds],
    )
    write(folder / "2_Dense/config.json", {"activation_function": "torch.nn.Tanh"})
    hashes = {resolve_model(str(folder)).weights_hash}
    write(folder / "2_Dense/config.json", {"activation_function": "torch.nn.Identity"})
    hashes.add(resolve_model(str(folder)).weights_hash)
    (folder / "2_Dense/model.safetensors").write_bytes(b"weights")
    hashes.add(resolve_model(str(folder)).weights_hash)
    assert len(hashes) == 3


@pytest.mark.parametrize(
    "name", ["README.md", "curve.jsonl", "training.json", "dev_scores.json", "optimizer.pt"]
)
def test_records_of_a_training_change_nothing(tiny_folder, name):
    folder = tiny_folder()
    before = resolve_model(str(folder)).weights_hash
    (folder / name).write_text("{}", "utf-8")
    assert resolve_model(str(folder)).weights_hash == before


def test_only_the_deciding_fields_of_a_card_count(tiny_folder):
    folder = tiny_folder()

    def hash_with(**values):
        write_card(folder, ModelCard(**{**CARD, **values}))
        return resolve_model(str(folder)).weights_hash

    before = hash_with()
    assert hash_with(metrics={"dev": 0.5}, command="llmexam train", data={"train": "z"}) == before
    assert hash_with(encoding={"max_tokens": 8}) != before
    assert hash_with(head="mean") != before


def test_a_ranker_is_named_by_its_file(tmp_path):
    write(tmp_path / "ranker.json", {"names": ["a"]})
    before = hash_model_folder(tmp_path)
    write(tmp_path / "ranker.json", {"names": ["b"]})
    assert hash_model_folder(tmp_path) != before


def test_where_a_folder_lies_does_not_matter(tiny_folder, tmp_path):
    folder = tiny_folder()
    before = resolve_model(str(folder)).weights_hash
    moved = folder.rename(tmp_path / "moved")
    assert resolve_model(str(moved)).weights_hash == before
