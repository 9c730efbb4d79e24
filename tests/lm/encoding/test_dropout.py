import pytest

torch = pytest.importorskip("torch")

from llmexam.lm.encoding.dropout import MaskSource  # noqa: E402


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_mask_keeps_its_share_and_the_expectation(rate):
    torch.manual_seed(3)
    source = MaskSource(rate)
    mask = source.draw(500, 401)
    # Five standard errors of a share of 200,500 values.
    error = 5 * (rate * (1 - rate) / mask.numel()) ** 0.5
    assert mask.dtype == torch.bool
    assert abs(mask.float().mean().item() - (1 - rate)) < error
    assert source.scale * (1 - rate) == pytest.approx(1, abs=1e-4)


def test_values_are_independent_between_neighbours_and_draws():
    torch.manual_seed(4)
    source = MaskSource(0.5)
    first, second = (source.draw(100_000).float() - 0.5 for _ in range(2))
    for a, b in [(first, second), (first[1:], first[:-1]), (first[4:], first[:-4])]:
        assert abs((a * b).mean().item()) < 0.25 * 5 / 99_996**0.5


def test_masks_follow_the_generator_of_torch():
    def draw():
        source = MaskSource(0.3)
        return torch.cat([source.draw(7), source.draw(13)])

    torch.manual_seed(5)
    first, other = draw(), draw()
    torch.manual_seed(5)
    assert torch.equal(draw(), first)
    assert not torch.equal(first, other)


def test_no_dropout_draws_nothing():
    state = torch.get_rng_state()
    source = MaskSource(0.0)
    assert source.draw(3, 4) is None
    assert source.scale == 1
    assert torch.equal(torch.get_rng_state(), state)
