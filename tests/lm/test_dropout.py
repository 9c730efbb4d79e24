import pytest

pytest.importorskip("torch")

import torch

from llmexam.lm.dropout import drop


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_asked_for_is_dropped(share, dtype):
    torch.manual_seed(0)
    values = torch.ones(201, 499, dtype=dtype, requires_grad=True)
    dropped = drop(values, share)
    assert dropped.dtype == dtype
    # Four standard errors of a share of 100,299 values.
    assert (dropped == 0).float().mean().item() == pytest.approx(
        share, abs=4 * (share * (1 - share) / values.numel()) ** 0.5
    )
    assert dropped.unique().float().tolist() == pytest.approx([0, 1 / (1 - share)], rel=5e-3)
    dropped.sum().backward()
    torch.testing.assert_close(values.grad, dropped.detach())


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    dropped = drop(torch.ones(100_000), 0.5) == 0
    for distance in (1, 2, 4, 8):
        both = (dropped[:-distance] & dropped[distance:]).float().mean().item()
        assert both == pytest.approx(0.25, abs=0.01)


def test_the_seed_decides():
    def draw(seed):
        torch.manual_seed(seed)
        return [drop(torch.ones(1000), 0.3) for _ in range(2)]

    first, second = draw(0)
    assert not torch.equal(first, second)
    assert torch.equal(draw(0)[1], second)
    assert not torch.equal(draw(1)[0], first)


def test_nothing_is_dropped_where_nothing_should_be():
    values = torch.randn(7)
    assert drop(values, 0.0) is values
    assert drop(torch.randn(0, 3), 0.5).shape == (0, 3)
