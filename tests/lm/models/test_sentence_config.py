import json

import pytest

from llmexam.errors import ModelError
from llmexam.lm.models.loading import ModelFolder
from llmexam.lm.models.sentence_config import DenseStep, SentenceConfig, read_sentence_config


def write(path, value):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(value), "utf-8")


def read(path, modules=(), **files):
    for name, value in files.items():
        write(path / f"{name}.json", value)
    if modules:
        kinds = [(f"sentence_transformers.models.{kind}", place) for kind, place in modules]
        write(path / "modules.json", [{"type": kind, "path": place} for kind, place in kinds])
    return read_sentence_config(ModelFolder("test", path, ()))


def test_a_bare_encoder_pools_by_mean(tmp_path):
    assert read(tmp_path) == SentenceConfig()


def test_all_settings_are_read(tmp_path):
    write(tmp_path / "p" / "config.json", {"pooling_mode": ["cls", "max"]})
    write(tmp_path / "d" / "config.json", {"activation_function": "torch.nn.Tanh"})
    found = read(
        tmp_path,
        [("Transformer", ""), ("Pooling", "p"), ("Dense", "d"), ("Normalize", "n")],
        sentence_bert_config={"max_seq_length": 99, "do_lower_case": True},
        config_sentence_transformers={
            "prompts": {"query": "q: ", "document": "d: "},
            "default_prompt_name": "document",
        },
    )
    assert found == SentenceConfig(
        pooling=("cls", "max"),
        dense=(DenseStep("d", "tanh"),),
        max_tokens=99,
        lower_case=True,
        prefixes=(("", "d: "), ("query", "q: "), ("passage", "d: ")),
    )


def test_the_older_form_of_pooling_is_read_in_their_order(tmp_path):
    config = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
    write(tmp_path / "p" / "config.json", config)
    assert read(tmp_path, [("Pooling", "p")]).pooling == ("cls", "mean")


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("LSTM", {}, "module 'sentence_transformers.models.LSTM' is not supported"),
        ("Pooling", {"pooling_mode": "median"}, "'median' is not supported"),
        ("Pooling", {"pooling_mode": []}, "is not supported"),
        ("Pooling", {"pooling_mode": "mean", "include_prompt": False}, "excludes the prompt"),
        ("Dense", {"activation_function": "os.system"}, "activation 'os.system'"),
        ("Dense", {"activation_function": "evil.Tanh"}, "activation 'evil.Tanh'"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path, kind, config, message):
    write(tmp_path / "m" / "config.json", config)
    with pytest.raises(ModelError, match=message):
        read(tmp_path, [(kind, "m")])


@pytest.mark.parametrize("place", ["../secret", "/etc"])
def test_modules_stay_inside_the_folder(tmp_path, place):
    with pytest.raises(ModelError, match="inside the folder"):
        read(tmp_path, [("Dense", place)])
