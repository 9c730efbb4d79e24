import weakref

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional

from llmexam.lm.encoding import gradients  # noqa: E402
from llmexam.lm.encoding.dropout import MaskSource  # noqa: E402

RUNS = [(7, 2), (4, 1), (1, 3)]
N_TOKENS, N_HEADS, DIM = 21, 2, 8


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks, with a shorter last one."""
    monkeypatch.setattr(gradients, "_BLOCK_ROWS", 8)
    monkeypatch.setattr(gradients, "_BLOCK_WEIGHTS", N_HEADS * 49)
    torch.manual_seed(0)


@pytest.fixture(params=[True, False], ids=["onednn", "blas"])
def product(request, monkeypatch):
    """Both ways of a product; the operator of oneDNN is not public, so it may be missing."""
    if request.param and not gradients.can_use_onednn():
        pytest.skip("this build of torch lacks the operator of oneDNN")
    monkeypatch.setattr(gradients, "can_use_onednn", lambda: request.param)


def check(own, reference, *inputs, trained=None):
    """Compare results, and gradients of the inputs that are trained."""
    weights, found = None, []
    for function in (own, reference):
        fresh = [
            t.clone().requires_grad_(trained is None or i in trained) for i, t in enumerate(inputs)
        ]
        result = function(*fresh)
        weights = torch.randn_like(result) if weights is None else weights
        (result * weights).sum().backward()
        found.append([result.detach(), *(t.grad for t in fresh)])
    for first, second in zip(*found, strict=True):
        assert (first is None) == (second is None)
        if first is not None:
            torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)


def random(*shape):
    return torch.randn(*shape)


@pytest.mark.parametrize("trained", [None, {0}, {1}, {0, 2}])
def test_linear(product, trained):
    check(gradients.linear, F.linear, random(N_TOKENS, 8), random(6, 8), random(6), trained=trained)


@pytest.mark.parametrize("trained", [None, {0}, {1}, {2}, {3}, {4}, {3, 4}])
def test_feed_forward(product, trained):
    def reference(hidden, w_up, b_up, w_down, b_down):
        return F.linear(F.gelu(F.linear(hidden, w_up, b_up)), w_down, b_down)

    shapes = [(N_TOKENS, DIM), (12, DIM), (12,), (DIM, 12), (DIM,)]
    check(gradients.feed_forward, reference, *map(lambda s: random(*s), shapes), trained=trained)


def masks_of(rate, seed):
    """Return the masks that attention draws, by sequence."""
    torch.manual_seed(seed)
    source = MaskSource(rate)
    found = []
    for _, n_texts, n in gradients._blocks(RUNS, N_HEADS):
        mask = source.draw(n_texts * N_HEADS, n, n)
        found += [None] * n_texts if mask is None else list(mask.view(n_texts, N_HEADS, n, n))
    return found, source.scale


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_attention(rate):
    masks, scale = masks_of(rate, 7)
    lengths = [n for n, count in RUNS for _ in range(count)]
    assert len(list(gradients._blocks(RUNS, N_HEADS))) == 4

    def own(qkv):
        torch.manual_seed(7)
        return gradients.attention(qkv, RUNS, N_HEADS, rate)

    def reference(qkv):
        mixed = []
        for part, mask in zip(torch.split(qkv, lengths), masks, strict=True):
            q, k, v = part.view(len(part), 3, N_HEADS, -1).permute(1, 2, 0, 3)
            weights = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1)
            weights = weights if mask is None else weights * mask * scale
            mixed.append((weights @ v).transpose(0, 1).flatten(1))
        return torch.cat(mixed)

    check(own, reference, random(N_TOKENS, 3 * DIM))


@pytest.mark.parametrize("rate", [0.0, 0.4])
@pytest.mark.parametrize("trained", [None, {0}, {1}, {2}, {0, 3}])
def test_add_norm(rate, trained):
    def own(change, residual, weight, bias):
        torch.manual_seed(8)
        return gradients.add_norm(change, residual, weight, bias, 1e-12, rate)

    def reference(change, residual, weight, bias):
        torch.manual_seed(8)
        source = MaskSource(rate)
        mask = source.draw(*change.shape)
        change = change if mask is None else change * mask * source.scale
        return F.layer_norm(change + residual, (DIM,), weight, bias, 1e-12)

    shapes = [(N_TOKENS, DIM), (N_TOKENS, DIM), (DIM,), (DIM,)]
    check(own, reference, *(random(*shape) for shape in shapes), trained=trained)


def test_second_derivatives_are_refused():
    hidden = random(3, 8).requires_grad_()
    out = gradients.linear(hidden, random(6, 8).requires_grad_(), random(6)).square().sum()
    (first,) = torch.autograd.grad(out, hidden, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@pytest.mark.parametrize("recomputed", [True, False])
def test_masks_are_kept_only_without_gradient_checkpointing(monkeypatch, recomputed):
    drawn, draw = [], MaskSource.draw

    def record(self, *shape):
        mask = draw(self, *shape)
        drawn.append(weakref.ref(mask))
        return mask

    monkeypatch.setattr(MaskSource, "draw", record)

    def layer(qkv, residual, weight, bias):
        mixed = gradients.attention(qkv, RUNS, N_HEADS, 0.4)
        return gradients.add_norm(mixed, residual, weight, bias, 1e-12, 0.4)

    shapes = [(N_TOKENS, 3 * DIM), (N_TOKENS, DIM), (DIM,), (DIM,)]
    inputs = [random(*shape).requires_grad_() for shape in shapes]
    torch.manual_seed(1)
    expected = torch.autograd.grad(layer(*inputs).square().sum(), inputs)
    drawn.clear()
    torch.manual_seed(1)
    if recomputed:
        result = torch.utils.checkpoint.checkpoint(layer, *inputs, use_reentrant=False)
    else:
        result = layer(*inputs)
    # Four blocks of attention, and the layer norm.
    assert [mask() is not None for mask in drawn] == [not recomputed] * 5
    found = torch.autograd.grad(result.square().sum(), inputs)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)
