import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from llmexam.training.multiple_choice.adversarial import adversarial_pass, moved_parameters
from llmexam.training.multiple_choice.settings import AdversarialSettings


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 3))


def loss_of(net):
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    loss = nn.functional.cross_entropy(net(ids), torch.tensor([0, 2]))
    loss.backward()
    return loss.detach()


@pytest.mark.parametrize("kind", ["awp", "fgm"])
def test_the_loss_is_higher_where_the_weights_move(kind):
    net = model()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    first = loss_of(net)
    own = {name: p.grad.clone() for name, p in net.named_parameters()}
    second = adversarial_pass(
        net, AdversarialSettings(kind=kind, epsilon=0.1), lambda: loss_of(net)
    )
    assert second > first
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, before[name])
        # The second pass adds its gradient to that of the first, and it is another one.
        added = parameter.grad - own[name]
        assert not torch.allclose(added, own[name], atol=1e-6)


def test_the_move_has_the_length_asked_for():
    net = model()
    loss_of(net)
    before = [p.detach().clone() for p in net.parameters()]
    lengths = []

    def look():
        lengths.extend(
            ((p - b).norm() / b.norm()).item()
            for p, b in zip(net.parameters(), before, strict=True)
        )
        return torch.tensor(0.0)

    adversarial_pass(net, AdversarialSettings(epsilon=0.05), look)
    # Two matrices move; the bias does not.
    assert lengths == pytest.approx([0.05, 0.05, 0.0], abs=1e-5)


def test_fgm_moves_token_embeddings_only():
    net = nn.ModuleDict(
        {
            "word_embeddings": nn.Embedding(5, 2),
            "position_embeddings": nn.Embedding(5, 2),
            "token_type_embeddings": nn.Embedding(2, 2),
            "dense": nn.Linear(2, 2),
        }
    )
    found = moved_parameters(net, AdversarialSettings(kind="fgm"))
    assert [id(p) for p in found] == [id(net["word_embeddings"].weight)]
    net["word_embeddings"].weight.requires_grad_(False)
    assert moved_parameters(net, AdversarialSettings(kind="fgm")) == []


def test_weights_come_back_after_an_error():
    net = model()
    loss_of(net)
    before = [p.detach().clone() for p in net.parameters()]

    def fail():
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        adversarial_pass(net, AdversarialSettings(epsilon=1.0), fail)
    assert all(torch.equal(p, b) for p, b in zip(net.parameters(), before, strict=True))
