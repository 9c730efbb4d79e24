import pytest

pytest.importorskip("torch")

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.nn.utils.rnn import pad_sequence

from llmexam.training.base.losses import choice_objective

COUNTS = torch.tensor([3, 2, 4])
LABELS = torch.tensor([2, 0, 1])


def flat():
    return torch.randn(9, generator=torch.Generator().manual_seed(0), requires_grad=True)


def by_question(scores, counts):
    rows = pad_sequence(scores.split(counts.tolist()), batch_first=True)
    return rows.masked_fill(torch.arange(rows.shape[1]) >= counts[:, None], -torch.inf)


def split(scores):
    return list(scores.split(COUNTS.tolist()))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_softmax_is_the_mean_cross_entropy(smoothing):
    scores = flat()
    loss = choice_objective("softmax", smoothing)({"logits": by_question(scores, COUNTS)}, LABELS)
    loss.backward()
    other = flat()
    expected = []
    for own, label in zip(split(other), LABELS, strict=True):
        target = torch.full((len(own),), smoothing / (len(own) - 1))
        target[label] = 1 - smoothing
        expected.append(cross_entropy(own, target))
    sum(expected).div(3).backward()
    assert loss.item() == pytest.approx(sum(e.item() for e in expected) / 3, rel=1e-5)
    torch.testing.assert_close(scores.grad, other.grad)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_judges_each_option(smoothing):
    scores = flat()
    loss = choice_objective("binary", smoothing)({"logits": by_question(scores, COUNTS)}, LABELS)
    loss.backward()
    other = flat()
    expected = []
    for own, label in zip(split(other), LABELS, strict=True):
        target = torch.full((len(own),), smoothing / (len(own) - 1))
        target[label] = 1 - smoothing
        expected.append(binary_cross_entropy_with_logits(own, target))
    sum(expected).div(3).backward()
    assert loss.item() == pytest.approx(sum(e.item() for e in expected) / 3, rel=1e-5)
    torch.testing.assert_close(scores.grad, other.grad)
    assert torch.isfinite(scores.grad).all()


@pytest.mark.parametrize("objective", ["softmax", "binary"])
def test_a_question_that_does_not_count_has_no_loss(objective):
    loss = choice_objective(objective)
    scores = flat()
    value = loss({"logits": by_question(scores, COUNTS)}, torch.tensor([2, -100, 1]), 2)
    value.backward()
    assert (scores.grad[3:5] == 0).all()
    assert (scores.grad[:3] != 0).any()
    rest = torch.cat([flat()[:3], flat()[5:]])
    alone = loss({"logits": by_question(rest, torch.tensor([3, 4]))}, torch.tensor([2, 1]))
    assert value.item() == pytest.approx(alone.item())
