import numpy as np
import pytest
import torch

from llmexam.errors import ModelError
from llmexam.lm.decoder.requests import Continuation
from llmexam.lm.decoder.scorer import LikelihoodScorer

VOCABULARY = 97
SHARING = ("llama", "mistral", "qwen3", "gemma2", "gemma3", "phi", "gpt2", "gpt-oss", "granite")
NOT_SHARING = ("mamba", "bloom")


def draw(rng, n):
    return tuple(int(token) for token in rng.integers(3, VOCABULARY, n))


def make_groups(n_groups=5, *, prefix=12, seed=0):
    """Questions behind one prefix, each with five options of which two begin alike."""
    rng = np.random.default_rng(seed)
    shots = draw(rng, prefix)
    groups = []
    for _ in range(n_groups):
        context = shots + draw(rng, int(rng.integers(3, 15)))
        options = [draw(rng, int(rng.integers(1, 7))) for _ in range(4)]
        options.append(options[0] + draw(rng, 2))
        groups.append([Continuation(context + option, len(context)) for option in options])
    return groups


def plain(decoder, request):
    """What the model itself says, one request alone, all logits."""
    ids = torch.tensor([request.tokens])
    with torch.inference_mode():
        logits = decoder.model(input_ids=ids, use_cache=False).logits[0].float()
    probs = torch.log_softmax(logits, dim=-1)[:-1].gather(1, ids[0, 1:, None])[:, 0]
    return probs[request.start - 1 :].numpy()


def assert_plain(decoder, groups, found, tolerance=2e-5):
    for group, rows in zip(groups, found, strict=True):
        for request, row in zip(group, rows, strict=True):
            assert row.shape == (len(request.targets),)
            np.testing.assert_allclose(row, plain(decoder, request), atol=tolerance)


def n_distinct(groups, n_prefix):
    """Nodes of the tries of all groups, and the prefix once."""
    within = sum(
        len({r.tokens[:n] for r in group for n in range(n_prefix + 1, len(r.tokens))})
        for group in groups
    )
    return n_prefix + within


@pytest.mark.parametrize("name", SHARING + NOT_SHARING)
@pytest.mark.parametrize("n_tokens", [pytest.param(1, marks=pytest.mark.slow), 64, 4096])
def test_every_architecture_says_what_it_says_alone(make_decoder, name, n_tokens):
    decoder = make_decoder(name)
    groups = make_groups()
    scorer = LikelihoodScorer(decoder, n_tokens=n_tokens)
    assert_plain(decoder, groups, scorer.score(groups))
    assert decoder.shares == (name in SHARING)


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_every_distinct_token_is_computed_once(make_decoder, name):
    decoder = make_decoder(name)
    assert decoder.shares
    groups = make_groups()
    scorer = LikelihoodScorer(decoder)
    scorer.score(groups)
    assert scorer.work.tokens == n_distinct(groups, 12)
    assert scorer.work.plain == sum(len(r.tokens) - 1 for g in groups for r in g)
    assert scorer.work.tokens < scorer.work.plain / 4
    # The prefix, the trunks and the branches.
    assert scorer.work.forwards == 3


def test_the_prefix_is_kept_for_the_next_call(llama):
    scorer = LikelihoodScorer(llama)
    groups = make_groups()
    scorer.score(groups[:3])
    before = scorer.work.tokens
    assert_plain(llama, groups[3:], scorer.score(groups[3:]))
    assert scorer.work.tokens - before == n_distinct(groups[3:], 12) - 12


def test_letters_need_two_passes(llama):
    rng = np.random.default_rng(0)
    shots = draw(rng, 20)
    groups = []
    for _ in range(4):
        context = shots + draw(rng, 6)
        groups.append([Continuation((*context, letter), len(context)) for letter in range(5)])
    assert llama.shares
    scorer = LikelihoodScorer(llama)
    assert_plain(llama, groups, scorer.score(groups))
    assert scorer.work.forwards == 2
    assert scorer.work.tokens == 20 + 4 * 6


def test_neighbours_and_order_make_no_difference(llama):
    groups = make_groups(7)
    scorer = LikelihoodScorer(llama, n_tokens=100)
    whole = scorer.score(groups)
    backwards = scorer.score(groups[::-1])[::-1]
    alone = [scorer.score([group])[0] for group in groups]
    for a, b, c in zip(whole, backwards, alone, strict=True):
        for x, y, z in zip(a, b, c, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-5)
            np.testing.assert_allclose(x, z, atol=1e-5)


def test_batches_keep_to_their_tokens(llama):
    assert llama.shares
    sizes = []
    states = llama.states

    def watch(ids, places):
        sizes.append(ids.numel())
        return states(ids, places)

    llama.states = watch
    LikelihoodScorer(llama, n_tokens=80).score(make_groups(12))
    assert max(sizes) <= 80
    assert len(sizes) > 4


def test_logits_are_made_only_where_they_are_asked_for(llama, monkeypatch):
    assert llama.shares
    rows = []
    logits = llama.head.logits
    monkeypatch.setattr(llama.head, "logits", lambda s: rows.append(len(s)) or logits(s))
    scorer = LikelihoodScorer(llama)
    scorer.score(make_groups())
    assert sum(rows) == scorer.work.targets


def test_logits_are_made_a_few_rows_at_a_time(llama):
    states = torch.randn(50, 32)
    tokens = torch.arange(50)
    whole = llama.head.answers(states, tokens)
    llama.head._n_rows = 7
    torch.testing.assert_close(llama.head.answers(states, tokens), whole)


def test_bf16_is_near(llama):
    groups = make_groups()
    exact = LikelihoodScorer(llama).score(groups)
    llama.model.to(torch.bfloat16)
    rough = LikelihoodScorer(llama).score(groups)
    apart = [
        np.abs(a - b).max()
        for x, y in zip(exact, rough, strict=True)
        for a, b in zip(x, y, strict=True)
    ]
    assert 0 < max(apart) < 0.5


def test_nothing_and_empty_groups(llama):
    scorer = LikelihoodScorer(llama)
    assert scorer.score([]) == []
    group = make_groups(1)[0]
    found = scorer.score([[], group, []])
    assert [len(one) for one in found] == [0, 5, 0]


def test_a_request_longer_than_the_model_reads(llama):
    with pytest.raises(ModelError, match="300 tokens, more than the model's limit of 256"):
        LikelihoodScorer(llama).score([[Continuation(tuple(range(3, 53)) * 6, 299)]])


def test_progress_ends_at_all_groups(llama):
    done = []
    LikelihoodScorer(llama, n_tokens=60).score(make_groups(6), progress=done.append)
    assert sum(done) == 6
    assert len(done) > 1


def test_groups_that_share_no_token(llama):
    """Requests that differ from the first token, or from the first behind the prefix."""
    rng = np.random.default_rng(3)
    shots = draw(rng, 12)
    apart = [
        [Continuation((i, *draw(rng, 5)), 2) for i in (10, 11)],
        [Continuation(draw(rng, 4), 1)],
    ]
    behind = [[Continuation((*shots, i, *draw(rng, 4)), 14) for i in (20, 21)] for _ in range(3)]
    assert llama.shares
    for groups in (apart, apart[:1], behind, [*behind, *make_groups(3)]):
        assert_plain(llama, groups, LikelihoodScorer(llama).score(groups))
