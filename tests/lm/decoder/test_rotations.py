"""Models whose rotations change with the length of what they read (longrope)."""

import numpy as np
import pytest
import torch
import transformers

from llmexam.errors import ModelError
from llmexam.lm.decoder.model import Decoder, rotations_change_at
from llmexam.lm.decoder.requests import Continuation
from llmexam.lm.decoder.scorer import LikelihoodScorer
from llmexam.lm.decoder.streaming.scorer import StreamedScorer
from llmexam.lm.models.loading import resolve_model

LIMIT = 32


@pytest.fixture(scope="module")
def phi():
    torch.manual_seed(0)
    rotations = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0] * 8,
        "long_factor": [4.0] * 8,
        "original_max_position_embeddings": LIMIT,
    }
    config = transformers.Phi3Config(
        vocab_size=97,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        original_max_position_embeddings=LIMIT,
        rope_parameters=rotations,
        initializer_range=0.3,
        pad_token_id=0,
    )
    return Decoder(transformers.Phi3ForCausalLM(config).eval(), None)


def draw(rng, n):
    return tuple(int(token) for token in rng.integers(1, 97, n))


def groups_of_all_lengths():
    """Behind one prefix: groups below the limit, across it and beyond it."""
    rng = np.random.default_rng(0)
    prefix = draw(rng, 12)
    groups = []
    for n in (5, 15, 17, 19, 40):
        context = prefix + draw(rng, n)
        groups.append([Continuation(context + draw(rng, k), len(context)) for k in (1, 3, 4)])
    return groups


def plain(decoder, request):
    ids = torch.tensor([request.tokens])
    with torch.inference_mode():
        logits = decoder.model(input_ids=ids[:, :-1], use_cache=False).logits[0].float()
    found = torch.log_softmax(logits, -1).gather(1, ids[0, 1:, None])[:, 0]
    return found[request.start - 1 :].numpy()


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("n_tokens", [1, 100, 4096])
def test_a_request_is_rotated_as_it_is_alone_whoever_its_neighbours_are(phi, n_tokens, shares):
    decoder = Decoder(phi.model, None)
    assert decoder.shares
    decoder._probed = shares
    groups = groups_of_all_lengths()
    lengths = [len(r.tokens) - 1 for group in groups for r in group]
    assert min(lengths) < LIMIT < max(lengths)
    assert LIMIT in lengths
    assert LIMIT + 1 in lengths
    found = LikelihoodScorer(decoder, n_tokens=n_tokens).score(groups)
    for group, of_group in zip(groups, found, strict=True):
        for request, one in zip(group, of_group, strict=True):
            np.testing.assert_allclose(one, plain(decoder, request), atol=2e-5)


def test_what_is_short_is_still_shared(phi):
    groups = groups_of_all_lengths()[:1]
    scorer = LikelihoodScorer(Decoder(phi.model, None))
    scorer.score(groups)
    assert scorer.work.tokens < scorer.work.plain / 2


def test_streamed_layers_refuse_what_would_be_rotated_in_two_ways(phi, tmp_path):
    phi.model.save_pretrained(tmp_path)
    scorer = StreamedScorer(resolve_model(str(tmp_path)), precision="fp32")
    groups = groups_of_all_lengths()
    near = scorer.score(groups[:1])
    for request, one in zip(groups[0], near[0], strict=True):
        np.testing.assert_allclose(one, plain(phi, request), atol=2e-5)
    with pytest.raises(ModelError, match=r"after 32 tokens(.|\n)*max_tokens: 33"):
        scorer.score(groups)


def test_other_models_rotate_alike_at_any_length():
    assert rotations_change_at(transformers.LlamaConfig()) is None
    by_layer = transformers.Gemma3TextConfig()
    assert rotations_change_at(by_layer) is None
