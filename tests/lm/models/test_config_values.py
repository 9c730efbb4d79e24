import json

import pytest

from llmexam.errors import ModelError
from llmexam.lm.models.config_values import check_config_values
from llmexam.lm.models.loading import load_encoder, resolve_model


@pytest.mark.parametrize(
    "values",
    [
        {"num_hidden_layers": 1e30},
        {"num_hidden_layers": 100_000},
        {"n_layer": float("inf")},
        {"hidden_size": 10**400},
        {"text_config": {"num_attention_heads": 2.5}},
        {"vocab_size": 50_000_000, "hidden_size": 50_000_000},
    ],
)
def test_sizes_that_no_model_has_are_refused(tmp_path, values):
    with pytest.raises(ModelError, match=r"fits into no memory|expected a whole number"):
        check_config_values(values, tmp_path / "config.json")


def test_sizes_of_large_models_are_allowed(tmp_path):
    check_config_values(
        {
            "vocab_size": 262_144,
            "hidden_size": 18_432,
            "num_hidden_layers": 126,
            "max_position_embeddings": 10_485_760,
            "num_labels": 2,
            "layer_norm_eps": 1e-12,
            "rope_theta": 5e8,
            "n_positions": 1024.0,
        },
        tmp_path / "config.json",
    )


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_size": "x"},
        {"hidden_size": [16]},
        {"num_attention_heads": 0},
        {"hidden_size": -16},
        {"model_type": 3},
        {"hidden_act": "no such"},
        {"num_hidden_layers": None},
        {"max_position_embeddings": {}},
    ],
)
def test_other_hostile_values_are_one_line(tiny_folder, values):
    torch = pytest.importorskip("torch")
    path = tiny_folder() / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(ModelError) as caught:
        load_encoder(resolve_model(str(path.parent)), dtype=torch.float32)
    assert "\n" not in str(caught.value)
