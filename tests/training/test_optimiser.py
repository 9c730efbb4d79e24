import pytest
import torch
from torch import nn

from llmexam.errors import SettingsError
from llmexam.training.base.lora import apply_lora
from llmexam.training.base.optimiser import count_layers, freeze, parameter_groups, set_dropout


def rates(model, settings, heads):
    by_id = {}
    for group in parameter_groups(model, settings, heads):
        for parameter in group["params"]:
            assert id(parameter) not in by_id
            by_id[id(parameter)] = (group["lr"], group["weight_decay"])
    return {name: by_id.get(id(p)) for name, p in model.named_parameters()}


def test_learning_rates_fall_from_layer_to_layer(tiny):
    settings = tiny.settings(
        learning_rate=1.0, layer_decay=0.5, head_learning_rate=3.0, weight_decay=0.1
    )
    found = rates(tiny.tiny_model(), settings, tiny.HEAD)
    assert None not in found.values()
    assert found["classifier.weight"] == (3.0, 0.1)
    assert found["classifier.bias"] == (3.0, 0.0)
    assert found["bert.pooler.dense.weight"] == (1.0, 0.1)
    assert found["bert.encoder.layer.1.output.dense.weight"] == (1.0, 0.1)
    assert found["bert.encoder.layer.0.output.dense.weight"] == (0.5, 0.1)
    assert found["bert.encoder.layer.0.output.LayerNorm.weight"] == (0.5, 0.0)
    assert found["bert.embeddings.word_embeddings.weight"] == (0.25, 0.1)


def test_layers_and_embeddings_are_frozen(tiny):
    settings = tiny.settings(freeze_layers=1, freeze_embeddings=True)
    model = tiny.tiny_model()
    freeze(model, settings)
    still = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert any(name.startswith("bert.embeddings.") for name in still)
    assert all(name.startswith(("bert.embeddings.", "bert.encoder.layer.0.")) for name in still)
    found = rates(model, settings, tiny.HEAD)
    assert {name for name, rate in found.items() if rate is None} == still


@pytest.mark.parametrize(
    ("setting", "value"), [("freeze_layers", 1), ("freeze_embeddings", True), ("layer_decay", 0.5)]
)
def test_a_model_without_known_names_is_refused(tiny, setting, value):
    model = nn.Sequential(nn.Linear(2, 2))
    settings = tiny.settings(**{setting: value})
    refusing = parameter_groups if setting == "layer_decay" else freeze
    arguments = (model, settings, ()) if setting == "layer_decay" else (model, settings)
    with pytest.raises(SettingsError, match=setting):
        refusing(*arguments)


def test_more_layers_than_there_are_cannot_be_frozen(tiny):
    with pytest.raises(SettingsError, match="cannot freeze 3 layers: the model has 2"):
        freeze(tiny.tiny_model(), tiny.settings(freeze_layers=3))


NAMES = {
    "bert": "encoder.layer.3.x.weight",
    "modernbert": "model.layers.3.mlp.Wi.weight",
    "distilbert": "distilbert.transformer.layer.3.ffn.weight",
    "t5": "encoder.block.3.layer.0.x.weight",
}


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_counted_by_the_usual_names(name):
    class Named(nn.Module):
        def named_parameters(self, *args, **kwargs):
            return iter([(NAMES[name], nn.Parameter(torch.zeros(1)))])

    assert count_layers(Named()) == 4


def test_dropout_is_set_everywhere(tiny):
    model = tiny.tiny_model(dropout=0.1)
    set_dropout(model, None)
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.1}
    set_dropout(model, 0.0)
    model.train()
    ids = tiny.TinyRows(2).ids
    assert torch.equal(model(input_ids=ids).logits, model(input_ids=ids).logits)


def test_only_adapters_and_head_are_trained(tiny):
    model = tiny.tiny_model()
    apply_lora(model, tiny.settings(lora={"r": 2, "targets": ["query", "value"]}), tiny.HEAD)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"bert", "classifier"}
    assert sum("lora_A" in name for name in trained) == 4
    assert all("lora_" in name or name.startswith("classifier.") for name in trained)


def test_unknown_adapter_targets_are_named(tiny):
    with pytest.raises(SettingsError, match=r"lora.targets.*Available: .*query"):
        apply_lora(tiny.tiny_model(), tiny.settings(lora={"targets": ["wrong"]}), tiny.HEAD)
