import pytest

from llmexam.lm.models.loading import load_encoder, resolve_model

torch = pytest.importorskip("torch")

from llmexam.lm.encoding import fused_layer, packed_bert  # noqa: E402
from llmexam.lm.encoding.packed_bert import PackedBert  # noqa: E402

BATCH = [[2, 5, 6, 7, 8, 9, 3], [2, 9, 10, 3], [2, 11, 6, 3], [2, 3]]
HIDDEN = torch.zeros(1, 1)


@pytest.fixture
def model(tiny_folder):
    torch.manual_seed(2)
    body = load_encoder(resolve_model(str(tiny_folder(n_layers=3))), dtype=torch.float32)
    with torch.no_grad():
        # Fresh biases are 0 and norms 1, which would hide a mix-up.
        for parameter in body.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return body.eval()


@pytest.fixture
def n_fused(monkeypatch):
    """Count the layers that run fused."""
    calls = []
    own = fused_layer.FusedLayer.finish

    def finish(self, *inputs):
        calls.append(1)
        return own(self, *inputs)

    monkeypatch.setattr(fused_layer.FusedLayer, "finish", finish)
    return calls


def gradients_of(model, compute, weights):
    model.zero_grad()
    out = compute()
    (out * weights[: len(out), : out.shape[1]]).sum().backward()
    return out.detach(), {
        name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None
    }


def packed(model, **options):
    ids = torch.tensor([token for text in BATCH for token in text])
    return PackedBert.of_modules(model)(ids, None, [len(text) for text in BATCH], **options)


@pytest.mark.parametrize("save_memory", [False, True])
@pytest.mark.parametrize("first_only", [False, True])
def test_gradients_are_those_of_transformers(model, n_fused, first_only, save_memory):
    def reference():
        rows = [model(input_ids=torch.tensor([ids])).last_hidden_state[0] for ids in BATCH]
        return torch.stack([row[0] for row in rows]) if first_only else torch.cat(rows)

    def own():
        return packed(model, first_only=first_only, save_memory=save_memory)

    weights = torch.randn(20, 64)
    out, found = gradients_of(model, own, weights)
    assert len(n_fused) == 3 * (2 if save_memory else 1)
    expected_out, expected = gradients_of(model, reference, weights)
    torch.testing.assert_close(out, expected_out, atol=1e-5, rtol=0)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-5, msg=name)


def test_recomputed_layers_draw_the_same_dropout(model):
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.2
    weights, found = torch.randn(20, 64), []
    for save_memory in (False, True):
        torch.manual_seed(1)
        found.append(
            gradients_of(model, lambda: packed(model, save_memory=save_memory), weights)  # noqa: B023
        )
    assert torch.equal(found[0][0], found[1][0])
    assert all(torch.equal(found[0][1][name], found[1][1][name]) for name in found[0][1])
    assert not torch.allclose(found[0][0], packed(model.eval()), atol=1e-3)


def test_frozen_weights_get_no_gradient(model):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("layer.2" in name and "key" not in name)
    _, found = gradients_of(model, lambda: packed(model), torch.randn(20, 64))
    assert found.keys() == {
        name for name, p in model.named_parameters() if p.requires_grad and "pooler" not in name
    }


def no_change(layer):
    return HIDDEN


def other_type(layer):
    return HIDDEN.bfloat16()


def quantized(layer):
    layer.output.dense.bfloat16()
    return HIDDEN


def adapted(layer):
    class Adapter(torch.nn.Linear):
        pass

    layer.attention.self.query = Adapter(4, 4)
    return HIDDEN


def hooked(layer):
    layer.attention.register_forward_hook(lambda *_: None)
    return HIDDEN


def without_bias(layer):
    layer.attention.self.value.bias = None
    return HIDDEN


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (no_change, True),
        (other_type, False),
        (quantized, False),
        (adapted, False),
        (hooked, False),
        (without_bias, False),
    ],
)
def test_only_plain_layers_are_fused(model, change, expected):
    layer = model.encoder.layer[0]
    assert fused_layer.can_fuse(layer, change(layer)) is expected


def test_autocast_is_not_fused(model):
    with torch.autocast("cpu", torch.bfloat16):
        assert not fused_layer.can_fuse(model.encoder.layer[0], HIDDEN)


def test_hooks_still_run(model, n_fused):
    seen = []
    model.encoder.layer[1].output.register_forward_hook(lambda *_: seen.append(1))
    # The pass calls the parts of a block, so hooks of linear layers run and those of blocks do not.
    model.encoder.layer[1].output.dense.register_forward_hook(lambda *_: seen.append(2))
    packed(model)
    assert seen == [2]
    assert len(n_fused) == 2
    assert packed_bert.ModuleLayer(model.encoder.layer[1]).fused(HIDDEN) is None


def test_dropout_of_first_tokens_scales_the_bias_of_values_too(model, monkeypatch):
    monkeypatch.setattr(fused_layer.FusedLayer, "finish", lambda self, mixed, asking: mixed)
    whole = packed(model, first_only=True)
    monkeypatch.setattr(fused_layer, "drop", lambda weights, rate: weights * 0.5)
    torch.testing.assert_close(packed(model, first_only=True), whole * 0.5, atol=1e-6, rtol=1e-5)
