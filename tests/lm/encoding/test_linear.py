import numpy as np
import pytest

torch = pytest.importorskip("torch")

from llmexam.lm.encoding import linear  # noqa: E402
from llmexam.lm.encoding.linear import FusedLinear, PlainLinear, make_linear  # noqa: E402


@pytest.mark.parametrize("n_tokens", [1, 7, 300])
@pytest.mark.skipif(not linear._can_fuse(), reason="torch was built without oneDNN")
def test_fused_layers_compute_what_plain_ones_do(n_tokens):
    torch.manual_seed(0)
    weight, bias, hidden = torch.randn(24, 24), torch.randn(24), torch.randn(n_tokens, 24)
    plain, fused = PlainLinear(weight, bias), FusedLinear(weight, bias)
    before = hidden.clone()
    for one, other in [
        (plain(hidden), fused(hidden)),
        (plain.gelu(hidden), fused.gelu(hidden)),
        (plain.add(hidden, hidden), fused.add(hidden, hidden)),
    ]:
        np.testing.assert_allclose(one, other, atol=1e-4)
    # The residual is read again by others, so it must not be written to.
    assert torch.equal(hidden, before)


def test_only_fp32_on_the_cpu_is_fused(monkeypatch):
    weight, bias = torch.randn(4, 4), torch.randn(4)
    assert isinstance(make_linear(weight.bfloat16(), bias.bfloat16()), PlainLinear)
    monkeypatch.setattr(linear, "_can_fuse", lambda: False)
    assert isinstance(make_linear(weight, bias), PlainLinear)
