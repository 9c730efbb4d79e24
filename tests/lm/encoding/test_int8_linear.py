import numpy as np
import pytest

from llmexam.errors import ModelError

torch = pytest.importorskip("torch")

from llmexam.lm.encoding import int8_linear  # noqa: E402
from llmexam.lm.encoding.int8_linear import GELU_LOW, Int8Linear, require_int8  # noqa: E402


def int8_runs():
    try:
        require_int8()
    except ModelError:
        return False
    return True


needs_int8 = pytest.mark.skipif(not int8_runs(), reason="the processor has no int8")


def made(n_tokens=20, n_in=32, n_out=24):
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(n_out, n_in, generator=draw) * torch.rand(n_out, 1, generator=draw)
    sizes = 10 ** torch.linspace(-3, 2, n_tokens)[:, None]
    hidden = torch.randn(n_tokens, n_in, generator=draw) * sizes
    return weight, torch.randn(n_out, generator=draw), hidden


def error_of(layer, exact, hidden, bias):
    """Return the largest error for each token, relative to the largest product."""
    exact = torch.nn.functional.linear(hidden, exact)
    return ((layer(hidden) - bias - exact).abs().amax(1) / exact.abs().amax(1)).max().item()


@needs_int8
def test_tokens_of_all_sizes_are_multiplied_nearly_exactly():
    weight, bias, hidden = made()
    # Differences to a bias of about 1 cannot be told for the smallest tokens in fp32.
    layer = Int8Linear(weight, torch.zeros_like(bias))
    assert error_of(layer, weight, hidden, 0.0) < 0.02
    np.testing.assert_array_equal(layer(torch.zeros(2, 32)), np.zeros((2, 24)))
    np.testing.assert_allclose(Int8Linear(weight, bias)(torch.zeros(1, 32))[0], bias, atol=1e-6)


@needs_int8
def test_inputs_with_a_lower_bound_use_all_codes():
    _, bias, hidden = made()
    # Whole weights up to 127 are coded without error.
    weight = torch.randint(-126, 127, (24, 32), generator=torch.Generator().manual_seed(1)).float()
    weight[:, 0] = 127
    hidden = torch.nn.functional.gelu(hidden[-8:])
    exact = torch.nn.functional.linear(hidden, weight, bias)
    around, above = Int8Linear(weight, bias), Int8Linear(weight, bias, low=GELU_LOW)
    errors = [(layer(hidden) - exact).abs().mean().item() for layer in (around, above)]
    assert errors[1] < 0.8 * errors[0]
    # The bound itself has a code.
    low = torch.full((1, 32), GELU_LOW)
    np.testing.assert_allclose(
        above(low)[0], torch.nn.functional.linear(low, weight, bias)[0], atol=1e-2
    )


@needs_int8
def test_gelu_and_residual_follow_the_product():
    weight, bias, hidden = made(n_out=32)
    layer = Int8Linear(weight, bias)
    whole = layer(hidden)
    np.testing.assert_array_equal(layer.gelu(hidden), torch.nn.functional.gelu(whole))
    np.testing.assert_array_equal(layer.add(hidden, hidden), whole + hidden)


@needs_int8
def test_a_token_does_not_depend_on_those_beside_it():
    weight, bias, hidden = made()
    for low in (None, -500.0):
        layer = Int8Linear(weight, bias, low)
        alone = torch.cat([layer(hidden[i : i + 1]) for i in range(len(hidden))])
        np.testing.assert_array_equal(layer(hidden), alone)


def test_a_processor_without_it_is_an_error(monkeypatch):
    monkeypatch.setattr(int8_linear, "cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(ModelError, match="does not support int8"):
        require_int8()
