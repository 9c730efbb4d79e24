"""Weights of 8 and 4 bits: scores are those of the rounded weights, however they are batched."""

import numpy as np
import pytest
import torch
import transformers

from llmexam.lm.decoder import model as room
from llmexam.lm.decoder.model import Decoder, load_decoder
from llmexam.lm.decoder.requests import Continuation
from llmexam.lm.decoder.scorer import LikelihoodScorer
from llmexam.lm.models.loading import resolve_model

pytestmark = [
    pytest.mark.needs("llm"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]

VOCABULARY, N_SHOTS = 97, 12


@pytest.fixture(scope="module", params=[48, 64])
def folder(request, tmp_path_factory):
    """A tiny Llama; one is no multiple of 64 wide, the block of 4-bit weights."""
    from tokenizers import Tokenizer, models

    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=request.param,
        intermediate_size=2 * request.param,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    words = {f"w{i}": i for i in range(VOCABULARY)}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0"))
    ).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def fp32(monkeypatch):
    """States have 32 bits, so that what is left is what the rounding did."""
    monkeypatch.setattr(room, "choose_dtype", lambda precision, device: torch.float32)


def load_rounded(folder, precision):
    """Load with bitsandbytes: on a CPU, training does so in 8 bits, and `load_decoder` does not."""
    model = room._load(resolve_model(str(folder)), precision, torch.device("cpu"))
    return Decoder(model, None, quantised=precision)


def make_groups():
    rng = np.random.default_rng(0)

    def draw(n):
        return tuple(int(token) for token in rng.integers(3, VOCABULARY, n))

    shots = draw(N_SHOTS)
    groups = []
    for _ in range(6):
        trunk = shots + draw(int(rng.integers(3, 15)))
        groups.append([Continuation(trunk + draw(n), len(trunk)) for n in (1, 2, 4, 6)])
    return groups


def plain(model, groups):
    """What a model says of each request alone."""
    found = []
    for group in groups:
        for request in group:
            ids = torch.tensor([request.tokens])
            with torch.inference_mode():
                logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()
            each = torch.log_softmax(logits, dim=-1).gather(1, ids[0, 1:, None])[:, 0]
            found.append(each[request.start - 1 :].numpy())
    return np.concatenate(found)


def flat(found):
    return np.concatenate([row for rows in found for row in rows])


def unrounded(folder, decoder):
    """A plain model whose linear layers have the rounded weights as numbers."""
    import bitsandbytes as bnb

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    layers = dict(decoder.model.named_modules())
    n_rounded = 0
    for name, module in model.named_modules():
        weight = getattr(layers[name], "weight", None)
        if type(layers[name]).__name__ == "Linear4bit":
            given = bnb.functional.dequantize_4bit(weight.data, weight.quant_state)
        elif type(layers[name]).__name__ == "Linear8bitLt":
            state = layers[name].state  # at the first product, and in the weight before it
            codes, scales = (weight.CB, weight.SCB) if state.CB is None else (state.CB, state.SCB)
            given = codes.float() * scales[:, None] / 127
        else:
            continue
        module.weight.data.copy_(given.float())
        n_rounded += 1
    assert n_rounded == 2 * 7
    return model


# Mean and largest distance from 32 bits, in nats: measured 0.007 and 0.03, 0.25 and 0.93.
# Random weights are the worst case: nothing in them is said twice.
@pytest.mark.parametrize(("precision", "mean", "most"), [("int8", 0.02, 0.1), ("nf4", 0.4, 1.5)])
def test_scores_are_those_of_the_rounded_weights(folder, precision, mean, most):
    decoder = load_rounded(folder, precision)
    groups = make_groups()
    expected = plain(unrounded(folder, decoder), groups)
    for n_tokens in (1, 40, 4096):
        scorer = LikelihoodScorer(decoder, n_tokens=n_tokens)
        np.testing.assert_allclose(flat(scorer.score(groups)), expected, atol=2e-5)
    backwards = scorer.score(groups[::-1])[::-1]
    np.testing.assert_allclose(flat(backwards), expected, atol=2e-5)
    whole = flat(LikelihoodScorer(load_decoder(str(folder), precision="fp32")).score(groups))
    apart = np.abs(expected - whole)
    assert 0 < apart.mean() < mean
    assert apart.max() < most


@pytest.mark.parametrize("precision", ["int8", "nf4"])
def test_tokens_are_shared(folder, precision, caplog):
    decoder = load_rounded(folder, precision)
    assert decoder.shares
    assert decoder.computes == f"float32 {precision}"
    groups = make_groups()
    scorer = LikelihoodScorer(decoder)
    scorer.score(groups)
    ways = {r.tokens[:n] for group in groups for r in group for n in range(1, len(r.tokens))}
    assert scorer.work.tokens == len(ways)
    assert scorer.work.tokens < scorer.work.plain / 3
    # bitsandbytes would tell of each product.
    assert not [one for one in caplog.records if "bitsandbytes" in one.name]


@pytest.mark.parametrize("precision", ["int8", "nf4"])
def test_products_have_the_type_of_the_states(folder, precision, monkeypatch):
    monkeypatch.setattr(room, "choose_dtype", lambda precision, device: torch.bfloat16)
    decoder = load_rounded(folder, precision)
    layer = decoder.model.model.layers[0].mlp.up_proj
    if precision == "nf4":
        assert layer.compute_dtype == torch.bfloat16
    found = flat(LikelihoodScorer(decoder).score(make_groups()))
    expected = plain(unrounded(folder, decoder), make_groups())
    assert 0 < np.abs(found - expected).max() < 0.3
