import logging
import shutil

import pytest

from llmexam.errors import MissingDependencyError, ModelError
from llmexam.lm.models import gguf
from llmexam.lm.models.loading import identify_model, is_local_model, resolve_model
from llmexam.storage.hashing import hash_file

pytest.importorskip("gguf")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A tiny Llama as a folder and as a GGUF file."""
    from tests.tiny_decoder import make_tokenizer, save_decoder
    from tests.tiny_gguf import write_gguf

    folder = save_decoder(tmp_path_factory.mktemp("gguf") / "tiny", make_tokenizer())
    write_gguf(folder, folder.parent / "tiny.gguf")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of converted models."""
    monkeypatch.setenv("LLMEXAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def logits(folder):
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        return model(torch.arange(40)[None] + 5).logits


def test_a_file_is_converted_once_and_gives_the_same_numbers(original, cache, monkeypatch):
    file = original.parent / "tiny.gguf"
    folder = resolve_model(str(file))
    assert folder.path.parent == cache
    assert [path.suffix for path in folder.weight_files] == [".safetensors"]
    difference = (logits(folder.path) - logits(original)).abs().max()
    # Weights are stored in bf16.
    assert 0 < difference < 0.02 * logits(original).abs().max()

    monkeypatch.setattr(gguf, "_convert", lambda *_: pytest.fail("converted again"))
    assert resolve_model(str(file)).path == folder.path
    assert is_local_model(str(file))
    assert identify_model(str(file)) == folder.weights_hash


def test_a_damaged_file_leaves_nothing_behind(original, cache, tmp_path):
    file = tmp_path / "half.gguf"
    file.write_bytes((original.parent / "tiny.gguf").read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot be read as a GGUF file"):
        resolve_model(str(file))
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
    file.write_bytes(b"text")
    with pytest.raises(ModelError, match="does not begin with 'GGUF'"):
        resolve_model(str(file))


def test_the_model_of_the_extra_needs_the_extra(cache, monkeypatch):
    monkeypatch.setattr(gguf, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'llmexam\[gemma\]'"):
        resolve_model("gemma-270m")


@pytest.fixture
def parts(original, tmp_path, monkeypatch):
    """The packages of the extra, with a tiny model in them."""
    data = (original.parent / "tiny.gguf").read_bytes()
    size = len(data) // 4 + 1
    for number in range(4):
        folder = tmp_path / "site" / f"{gguf._PACKAGE}_part{number + 1}"
        (folder / "data").mkdir(parents=True)
        # Importing the package would be a mistake.
        (folder / "__init__.py").write_text("raise RuntimeError('imported')")
        part = folder / "data" / f"{gguf._FILE}.part{number:02}"
        part.write_bytes(data[number * size : (number + 1) * size])
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def test_the_parts_are_joined_and_the_terms_shown_once(parts, original, cache, monkeypatch, caplog):
    known = hash_file(original.parent / "tiny.gguf")
    monkeypatch.setattr(gguf, "_SHA256", known)
    with caplog.at_level(logging.WARNING):
        folder = resolve_model("gemma-270m")
    assert "Gemma Terms of Use" in caplog.text
    assert str(parts / gguf._PACKAGE / "data" / "GEMMA_TERMS.html") in caplog.text
    assert (logits(folder.path) - logits(original)).abs().max() < 1
    assert sorted(path.suffix for path in cache.iterdir()) == ["", ".lock"]
    caplog.clear()
    shutil.rmtree(parts)
    assert resolve_model("gemma-270m").path == folder.path
    assert caplog.text == ""


def test_parts_with_another_hash_are_refused(parts, cache):
    with pytest.raises(ModelError, match="do not have the expected hash"):
        resolve_model("gemma-270m")
    assert list(cache.iterdir()) == []
