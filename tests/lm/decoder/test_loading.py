import pytest
import torch
import transformers

from llmexam.errors import ModelError
from llmexam.lm.decoder.loading import read_weights
from llmexam.lm.models.loading import resolve_model


def test_what_is_read_is_what_was_saved(tmp_path, llama):
    llama.model.save_pretrained(tmp_path)
    found = read_weights(resolve_model(str(tmp_path)), binary_head=False, dtype=torch.float32)
    saved = llama.model.state_dict()
    assert all(torch.equal(one, saved[name]) for name, one in found.state_dict().items())


def test_no_weight_is_drawn_but_those_the_caller_fills(tmp_path, llama):
    llama.model.base_model.save_pretrained(tmp_path)
    folder = resolve_model(str(tmp_path))
    with pytest.raises(ModelError, match=r"causal language model.*'lm_head\.weight'"):
        read_weights(folder, binary_head=False)
    with pytest.raises(
        ModelError, match=r"decoder with a binary classification head.*'score\.weight'"
    ):
        read_weights(folder, binary_head=True, num_labels=1)
    found = read_weights(folder, binary_head=True, new=["score.weight"], num_labels=1)
    assert found.score.out_features == 1


def test_damaged_files_are_named(tmp_path, llama):
    llama.model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    with pytest.raises(ModelError, match="cannot be loaded as a decoder") as caught:
        read_weights(resolve_model(str(tmp_path)), binary_head=False)
    assert str(tmp_path) in str(caught.value)


def test_transformers_says_as_much_as_before(tmp_path, llama, capfd):
    llama.model.save_pretrained(tmp_path)
    level = transformers.logging.get_verbosity()
    read_weights(resolve_model(str(tmp_path)), binary_head=True, new=["score.weight"], num_labels=1)
    assert "score.weight" not in "".join(capfd.readouterr())
    assert transformers.logging.get_verbosity() == level
