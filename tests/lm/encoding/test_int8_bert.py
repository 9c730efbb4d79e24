import json

import numpy as np
import pytest

from llmexam import sample
from llmexam.errors import ModelError

torch = pytest.importorskip("torch")

from llmexam.lm.encoding.calibration import calibration_sequences  # noqa: E402
from llmexam.lm.encoding.embedding import load_embedder  # noqa: E402
from llmexam.lm.encoding.int8_bert import Range, _Codes, _Mlp, _Product, _smooth  # noqa: E402
from llmexam.lm.encoding.int8_linear import require_int8  # noqa: E402


def int8_runs():
    try:
        require_int8()
    except ModelError:
        return False
    return True


pytestmark = pytest.mark.skipif(not int8_runs(), reason="the processor has no int8")


def made(n_tokens=64, n_in=32, n_out=24):
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(n_out, n_in, generator=draw) * torch.rand(n_out, 1, generator=draw)
    hidden = torch.randn(n_tokens, n_in, generator=draw)
    # A channel with large values, as BERT has.
    hidden[:, 3] *= 30
    return weight, torch.randn(n_out, generator=draw), hidden


def range_of(hidden):
    found = Range(hidden.shape[1])
    found.see(hidden)
    return found


def relative(found, exact):
    return float((found - exact).norm() / exact.norm())


def test_smoothed_products_are_nearly_exact_beside_a_large_channel():
    weight, bias, hidden = made()
    exact = torch.nn.functional.linear(hidden, weight, bias)
    errors = []
    for codes in (
        _smooth(range_of(hidden), weight, "up"),
        _Codes(range_of(hidden), torch.ones(32)),
    ):
        product = _Product(weight * codes.steps, bias, codes.zero)
        errors.append(relative(product(codes(hidden)), exact))
    assert errors[0] < 0.015
    assert errors[0] < 0.7 * errors[1]


def test_the_residual_is_added_and_inputs_are_unchanged():
    weight, bias, hidden = made(n_out=32)
    codes = _smooth(range_of(hidden), weight, "out")
    product = _Product(weight * codes.steps, bias, codes.zero)
    before = hidden.clone()
    found = product.add(codes(hidden), hidden)
    torch.testing.assert_close(found, product(codes(hidden)) + hidden)
    torch.testing.assert_close(hidden, before)


def test_values_out_of_range_get_the_nearest_code():
    _, _, hidden = made()
    codes = _Codes(range_of(hidden), torch.ones(32))
    far = torch.full((1, 32), 1e4)
    np.testing.assert_array_equal(codes(far), np.full((1, 32), 255))
    np.testing.assert_array_equal(codes(-far), np.zeros((1, 32)))
    np.testing.assert_array_equal(codes(torch.zeros(1, 32)), np.full((1, 32), codes.zero))


def test_large_outputs_of_gelu_are_exact():
    w_up, b_up, hidden = made(n_out=48)
    draw = torch.Generator().manual_seed(1)
    w_up[5] *= 40
    w_down, b_down = torch.randn(32, 48, generator=draw), torch.zeros(32)
    inner = torch.nn.functional.gelu(torch.nn.functional.linear(hidden, w_up, b_up))
    exact = torch.nn.functional.linear(inner, w_down, b_down) + hidden
    inputs = _smooth(range_of(hidden), w_up, "up")
    mlp = _Mlp((w_up, b_up), (w_down, b_down), inputs, range_of(inner))
    assert relative(mlp(hidden), exact) < 0.02


def test_a_token_does_not_depend_on_those_beside_it():
    weight, bias, hidden = made()
    codes = _smooth(range_of(hidden), weight, "up")
    product = _Product(weight * codes.steps, bias, codes.zero)
    alone = torch.cat([product(codes(hidden[i : i + 1])) for i in range(len(hidden))])
    np.testing.assert_array_equal(product(codes(hidden)), alone)


@pytest.fixture(scope="module")
def texts():
    lines = sample.CORPUS_PATH.read_text("utf-8").splitlines()
    # Every third passage; calibration uses others as well.
    return [json.loads(line)["text"] for line in lines if line.strip()][1::3]


@pytest.mark.slow
def test_vectors_and_neighbours_of_the_bundled_model_are_near_fp32(texts):
    exact, near = (load_embedder(precision=p) for p in ("fp32", "int8"))
    assert near.precision == "int8"
    assert near.fingerprint != exact.fingerprint
    one, other = exact.encode(texts), near.encode(texts)
    assert not np.array_equal(one, other)
    assert (one * other).sum(1).min() > 0.995
    # The same whatever is encoded together; a rounding in attention is worth a fraction of a code.
    np.testing.assert_allclose(near.encode(texts[:3]), other[:3], atol=3e-3)
    vectors, tokens = near.embed_tokens(texts[:3], layer=1)
    np.testing.assert_allclose(vectors, other[:3], atol=3e-3)
    assert [len(one.ids) for one in tokens] == (near.count_tokens(texts[:3]) - 2).tolist()


def test_calibration_sequences_have_both_token_types():
    class Tokenizer:
        def __call__(self, first, second, **options):
            assert options["max_length"] == 9
            kinds = [[0, 1] if second else [0, 0]] * len(first)
            return {"input_ids": [[1, 2]] * len(first), "token_type_ids": kinds}

    found = calibration_sequences(Tokenizer(), 9)
    assert {tuple(types) for _, types in found} == {(0, 0), (0, 1)}
    assert len(found) == 96
