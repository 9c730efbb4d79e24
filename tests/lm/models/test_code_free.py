"""Folders that name code, or other models: refused before a library sees them."""

import json

import pytest

from llmexam.errors import ModelError
from llmexam.lm.models.code_free import require_code_free
from llmexam.lm.models.loading import ModelFolder, resolve_model

TRANSFORMER = "sentence_transformers.models.Transformer"


def write(file, value):
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(json.dumps(value), "utf-8")


def change(file, **values):
    write(file, {**json.loads(file.read_text("utf-8")), **values})


@pytest.mark.parametrize(
    "kind", ["modeling_x.Transformer", "Transformer", "sentence_transformersx.Transformer", ""]
)
def test_a_module_of_another_package_is_refused_by_every_loader(tiny_folder, kind):
    folder = tiny_folder()
    write(folder / "modules.json", [{"type": kind, "path": ""}])
    with pytest.raises(ModelError, match=r"modules\.json field '0\.type': .*would run code"):
        resolve_model(str(folder))
    with pytest.raises(ModelError, match="would run code"):
        ModelFolder("x", folder, ())


@pytest.mark.parametrize("place", ["../other", "/etc", "a/../../b", "..\\other", "C:\\models"])
def test_a_module_stays_inside_the_folder(tmp_path, place):
    kind = "sentence_transformers.models.Dense"
    write(tmp_path / "modules.json", [{"type": kind, "path": place}])
    with pytest.raises(ModelError, match=r"field '0\.path': .*inside the folder"):
        require_code_free(tmp_path)


def test_a_transformer_in_a_folder_of_its_own_is_refused(tmp_path):
    write(tmp_path / "modules.json", [{"type": TRANSFORMER, "path": "0_Transformer"}])
    with pytest.raises(ModelError, match=r"expected the transformer in the folder itself"):
        require_code_free(tmp_path)


@pytest.mark.parametrize("value", [{}, "x", [1], [["Transformer"]]])
def test_modules_of_another_shape_are_an_error_not_a_traceback(tmp_path, value):
    write(tmp_path / "modules.json", value)
    with pytest.raises(ModelError, match="expected a list of modules"):
        require_code_free(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"_attn_implementation": "someone/kernel"},
        {"attn_implementation": {"": "someone/kernel@main"}},
        {"text_config": {"attn_implementation": "paged|someone/kernel"}},
        {"_experts_implementation": "someone/kernel"},
        {"backbone": "someone/model"},
    ],
)
def test_a_config_cannot_have_something_downloaded(tiny_folder, changes):
    folder = tiny_folder()
    change(folder / "config.json", **changes)
    with pytest.raises(ModelError, match=r"config\.json field '.*someone/.*downloaded"):
        resolve_model(str(folder))


def test_a_config_may_name_what_transformers_has(tiny_folder):
    folder = tiny_folder()
    change(folder / "config.json", _attn_implementation="sdpa", auto_map={"AutoModel": "m.M"})
    resolve_model(str(folder))


def test_a_model_type_that_needs_own_code_is_refused(tiny_folder):
    folder = tiny_folder()
    write(folder / "config.json", {"model_type": "own", "auto_map": {"AutoModel": "m.M"}})
    with pytest.raises(
        ModelError, match=r"config\.json field 'auto_map': unknown model type 'own'"
    ):
        resolve_model(str(folder))


def test_an_adapter_that_names_a_base_model_is_refused(tiny_folder):
    folder = tiny_folder()
    write(folder / "adapter_config.json", {"base_model_name_or_path": "https://a.example/m"})
    with pytest.raises(ModelError, match=r"field 'base_model_name_or_path': .*Merge"):
        resolve_model(str(folder))


@pytest.mark.parametrize("name", ["../model.safetensors", "/x/model.safetensors", "model.bin"])
def test_shards_are_safetensors_inside_the_folder(tiny_folder, name):
    folder = tiny_folder()
    write(folder / "model.safetensors.index.json", {"weight_map": {"a": name}})
    with pytest.raises(ModelError, match=r"field 'weight_map': expected a file model\*"):
        resolve_model(str(folder))


@pytest.mark.parametrize(
    "settings",
    [
        {"model_args": {"trust_remote_code": True}},
        {"processor_kwargs": {"vocab_file": "/etc/passwd"}},
        {"tokenizer_name_or_path": "someone/tokenizer"},
    ],
)
def test_arguments_for_the_loading_library_are_refused(tiny_folder, settings):
    folder = tiny_folder()
    change(folder / "sentence_bert_config.json", **settings)
    with pytest.raises(ModelError, match=rf"field '{next(iter(settings))}': sets arguments"):
        resolve_model(str(folder))
