import pytest

torch = pytest.importorskip("torch")

from llmexam.lm.encoding.pooling import pool  # noqa: E402

# Two texts of two and three tokens, vectors of length 1.
HIDDEN = torch.tensor([[[2.0], [4.0], [100.0]], [[1.0], [5.0], [3.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("cls", [2, 1]),
        ("mean", [3, 3]),
        ("max", [4, 5]),
        ("mean_sqrt_len_tokens", [6 / 2**0.5, 9 / 3**0.5]),
        ("lasttoken", [4, 3]),
        ("weightedmean", [(2 + 8) / 3, (1 + 10 + 9) / 6]),
    ],
)
def test_modes_by_hand(mode, expected):
    assert pool(HIDDEN, MASK, [mode])[:, 0].tolist() == pytest.approx(expected)


def test_modes_are_joined_and_no_mask_means_no_padding():
    assert pool(HIDDEN.bfloat16(), None, ["cls", "max"]).tolist() == [[2, 100], [1, 5]]
    assert pool(HIDDEN.bfloat16(), None, ["mean"]).dtype == torch.float32
