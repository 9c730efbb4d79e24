"""int8 on a CPU: weights and inputs of linear layers are quantised, one scale per token."""

import json

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models

from llmexam.errors import ModelError
from llmexam.lm.decoder import int8_layers
from llmexam.lm.decoder.int8_layers import Int8Layer, quantise_layers, quantise_tokens
from llmexam.lm.decoder.model import load_decoder
from llmexam.lm.decoder.requests import Continuation, whole_text
from llmexam.lm.decoder.scorer import LikelihoodScorer
from llmexam.lm.decoder.sums import SumScorer
from llmexam.lm.encoding.int8_linear import Int8Weight, require_onednn

VOCABULARY, WIDTH = 97, 64
_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.1,
    "pad_token_id": 0,
}
CONFIGS = {
    "llama": lambda: transformers.LlamaConfig(**_COMMON),
    "gemma3": lambda: transformers.Gemma3TextConfig(**_COMMON, head_dim=16, sliding_window=7),
    # Its projections to queries, keys and values have biases, and its head the embeddings.
    "qwen2": lambda: transformers.Qwen2Config(**_COMMON, tie_word_embeddings=True),
}


def int8_runs():
    try:
        require_onednn()
    except ModelError:
        return False
    return True


pytestmark = pytest.mark.skipif(not int8_runs(), reason="torch has no int8 for this processor")


def save(folder, config, auto=transformers.AutoModelForCausalLM):
    torch.manual_seed(0)
    model = auto.from_config(config)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 and name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    words = {f"w{i}": i for i in range(VOCABULARY)}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0"))
    ).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=CONFIGS)
def folder(request, tmp_path_factory):
    return save(tmp_path_factory.mktemp(request.param), CONFIGS[request.param]())


@pytest.fixture(scope="module")
def decoders(folder):
    return {one: load_decoder(folder, precision=one) for one in ("fp32", "int8")}


def draw(rng, n):
    return tuple(int(token) for token in rng.integers(3, VOCABULARY, n))


def make_groups(n_groups=12):
    rng = np.random.default_rng(0)
    shots = draw(rng, 12)
    groups = []
    for _ in range(n_groups):
        trunk = shots + draw(rng, int(rng.integers(3, 15)))
        groups.append([Continuation(trunk + draw(rng, n), len(trunk)) for n in (1, 2, 4, 6)])
    return groups


def flat(found):
    return np.concatenate([row for rows in found for row in rows])


def means(found):
    return np.array([[row.mean() for row in rows] for rows in found])


def plain(decoder, groups):
    """Log-probabilities of each request alone, by the model's own attention."""
    found = []
    for request in (request for group in groups for request in group):
        ids = torch.tensor([request.tokens])
        with torch.inference_mode():
            logits = decoder.model(input_ids=ids, use_cache=False).logits[0, :-1].float()
        each = torch.log_softmax(logits, dim=-1).gather(1, ids[0, 1:, None])[:, 0]
        found.append(each[request.start - 1 :].numpy())
    return np.concatenate(found)


def rebuilt(weight, largest):
    steps = weight.abs().amax(1, keepdim=True) / largest
    return (weight / steps).round() * steps


class TestProducts:
    @pytest.mark.parametrize("bias", [True, False])
    def test_codes_of_inputs_and_weights_are_multiplied_exactly(self, bias):
        torch.manual_seed(0)
        linear = torch.nn.Linear(64, 40, bias=bias)
        linear.weight.data *= torch.rand(40, 1)
        hidden = torch.randn(2, 7, 64) * 10 ** torch.linspace(-3, 2, 7)[:, None]
        layer = Int8Layer(linear, 63, int8_layers._Inputs(), torch.nn.Module())
        with torch.inference_mode():
            found = layer(hidden)
            codes, steps = quantise_tokens(hidden.reshape(14, 64))
            inputs = (codes.float() - 128) * steps
            expected = torch.nn.functional.linear(inputs, rebuilt(linear.weight, 63), linear.bias)
        np.testing.assert_allclose(found.reshape(14, 40), expected, rtol=1e-4, atol=1e-5)
        # Rounding to the nearest code, never further than half a step (and fp32's precision).
        assert ((inputs - hidden.reshape(14, 64)).abs() <= 0.501 * steps).all()

    def test_the_largest_codes_do_not_overflow(self):
        largest = 127 if int8_layers.has_wide_sums() else 63
        codes = torch.full((16, 512), 255, dtype=torch.uint8)
        for sign in (1.0, -1.0):
            weight = Int8Weight(torch.full((64, 512), sign * largest), largest)
            expected = np.full((16, 64), sign * 127 * largest * 512)
            np.testing.assert_allclose(weight.product(codes, 128), expected)

    def test_tokens_of_zeros_are_zero(self):
        layer = Int8Layer(
            torch.nn.Linear(8, 4, bias=False), 63, int8_layers._Inputs(), torch.nn.Module()
        )
        np.testing.assert_array_equal(layer(torch.zeros(3, 8)), np.zeros((3, 4)))

    def test_an_outlier_costs_its_own_block_of_a_wide_input_only(self):
        torch.manual_seed(0)
        linear = torch.nn.Linear(256, 32, bias=False)
        layer = Int8Layer(linear, 63, int8_layers._Inputs(), torch.nn.Module(), 1)
        hidden = torch.randn(8, 256)
        hidden[:, 3] = 1000.0
        # Without weights on the block of the outlier, nothing is left of it.
        linear.weight.data[:, :64] = 0
        apart = Int8Layer(linear, 63, int8_layers._Inputs(), torch.nn.Module(), 4)
        with torch.inference_mode():
            exact = linear(hidden)
            assert (apart(hidden) - exact).abs().max() < 0.05 * exact.abs().max()
            assert (layer(hidden) - exact).abs().max() > exact.abs().max()

    def test_a_token_does_not_depend_on_others(self):
        torch.manual_seed(0)
        layer = Int8Layer(torch.nn.Linear(64, 48), 63, int8_layers._Inputs(), torch.nn.Module())
        hidden = torch.randn(20, 64) * 10 ** torch.linspace(-3, 2, 20)[:, None]
        with torch.inference_mode():
            alone = torch.cat([layer(hidden[i : i + 1]) for i in range(20)])
            np.testing.assert_allclose(layer(hidden), alone, rtol=1e-6)

    def test_inputs_are_quantised_once_for_layers_that_read_the_same(self, decoders, monkeypatch):
        calls = []
        original = quantise_tokens

        def counted(hidden):
            calls.append(hidden.shape)
            return original(hidden)

        monkeypatch.setattr(int8_layers, "quantise_tokens", counted)
        with torch.inference_mode():
            decoders["int8"].model(input_ids=torch.tensor([[1, 2, 3]]), use_cache=False)
        # Queries, keys and values together, the two of the gated MLP together, four blocks of its
        # last projection; and the head.
        assert len(calls) == 2 * (1 + 1 + 1 + 4) + 1


class TestScores:
    def test_they_are_near_those_of_fp32_in_nearly_the_same_order(self, decoders):
        groups = make_groups()
        found = {one: LikelihoodScorer(decoder).score(groups) for one, decoder in decoders.items()}
        apart = np.abs(flat(found["int8"]) - flat(found["fp32"]))
        # In nats, of values around 5: random weights are the worst case.
        assert 0 < apart.mean() < 0.05
        assert apart.max() < 0.25
        orders = [np.argsort(means(found[one]), axis=1) for one in ("fp32", "int8")]
        assert np.mean((orders[0] == orders[1]).all(axis=1)) >= 0.8
        assert np.mean(orders[0][:, -1] == orders[1][:, -1]) >= 0.9

    def test_they_are_those_of_the_quantised_model(self, decoders):
        """Shared prefixes only move rounding errors, which may move an input to the next code."""
        groups = make_groups()
        decoder = decoders["int8"]
        expected = plain(decoder, groups)
        for n_tokens in (1, 40, 4096):
            found = flat(LikelihoodScorer(decoder, n_tokens=n_tokens).score(groups))
            np.testing.assert_allclose(found, expected, atol=0.02)
        backwards = LikelihoodScorer(decoder).score(groups[::-1])[::-1]
        np.testing.assert_allclose(flat(backwards), expected, atol=0.02)

    def test_tokens_are_shared(self, decoders):
        assert decoders["int8"].shares
        groups = make_groups()
        scorer = LikelihoodScorer(decoders["int8"])
        scorer.score(groups)
        ways = {r.tokens[:n] for group in groups for r in group for n in range(1, len(r.tokens))}
        assert scorer.work.tokens == len(ways)
        assert scorer.work.tokens < scorer.work.plain / 3

    def test_binary_heads_stay_exact(self, tmp_path):
        config = transformers.LlamaConfig(**_COMMON, num_labels=1)
        folder = save(tmp_path, config, transformers.AutoModelForSequenceClassification)
        whole, int8 = (load_decoder(folder, precision=one) for one in ("fp32", "int8"))
        assert type(int8.model.score) is torch.nn.Linear
        rng = np.random.default_rng(0)
        groups = [[whole_text(draw(rng, 9)) for _ in range(3)] for _ in range(6)]
        found = [flat(LikelihoodScorer(one).score(groups)) for one in (whole, int8)]
        assert 0 < np.abs(found[0] - found[1]).max() < 0.1 * np.abs(found[0]).max()

    def test_they_are_cached_apart_from_those_of_fp32(self, decoders, tmp_path):
        groups = make_groups(2)
        first = SumScorer(LikelihoodScorer(decoders["fp32"]), tmp_path)
        first.score(groups)
        second = SumScorer(LikelihoodScorer(decoders["int8"]), tmp_path)
        found = second.score(groups)
        assert second.scorer.work.tokens > 0
        again = SumScorer(LikelihoodScorer(decoders["int8"]), tmp_path)
        np.testing.assert_array_equal(np.array(again.score(groups)), np.array(found))
        assert again.scorer.work.tokens == 0

    def test_processors_with_other_codes_have_another_name(self, monkeypatch):
        names = set()
        for wide in (True, False):
            monkeypatch.setattr(int8_layers, "has_wide_sums", lambda wide=wide: wide)
            names.add(int8_layers.int8_name())
        # bitsandbytes, on GPUs, is called int8.
        assert len(names | {"int8"}) == 3


class TestLoading:
    def test_no_weight_of_a_linear_layer_is_kept_in_fp32(self, decoders):
        model = decoders["int8"].model
        assert decoders["int8"].computes.startswith("float32 int8-dynamic")
        assert not [m for m in model.modules() if type(m) is torch.nn.Linear]
        kept = {n for n, p in model.named_parameters() if p.dim() > 1}
        assert kept == {"model.embed_tokens.weight"}
        assert all(p.dtype == torch.float32 for p in model.parameters())
        whole = sum(p.numel() for p in decoders["fp32"].model.parameters())
        assert sum(p.numel() for p in model.parameters()) < whole / 5

    def test_auto_does_not_choose_it(self, folder):
        assert "int8" not in load_decoder(folder).computes

    def test_it_needs_no_bitsandbytes(self, folder, monkeypatch):
        monkeypatch.setattr("llmexam.lm.models.loading.find_spec", lambda name: None)
        assert load_decoder(folder, precision="int8").model is not None

    def test_quantised_weights_are_refused(self, folder, tmp_path):
        copy = tmp_path / "copy"
        transformers.AutoModelForCausalLM.from_pretrained(folder).save_pretrained(copy)
        config = json.loads((copy / "config.json").read_text())
        config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_8bit": True}
        (copy / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelError, match="not quantized for precision int8"):
            load_decoder(str(copy), precision="int8")

    def test_adapters_are_refused(self, folder, tmp_path):
        (tmp_path / "adapter_config.json").write_text("{}")
        (tmp_path / "adapter_model.safetensors").write_bytes(b"")
        with pytest.raises(ModelError, match="adapter"):
            load_decoder(str(tmp_path), precision="int8")

    def test_models_of_other_layers_are_refused(self):
        config = transformers.GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
        with pytest.raises(ModelError, match="most weights of a model of type 'gpt2'"):
            quantise_layers(model)
        # Nothing was replaced.
        assert type(model.lm_head) is torch.nn.Linear

    def test_code_that_reads_weights_of_layers_is_an_error(self):
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(CONFIGS["llama"]()).eval()
        layer = model.model.layers[0].mlp
        layer.forward = lambda hidden: hidden @ layer.up_proj.weight.T
        with pytest.raises(ModelError, match="does not support models of type 'llama'"):
            quantise_layers(model)
