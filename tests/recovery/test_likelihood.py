"""Log-likelihood of rewritten texts under prompts, with a tiny random decoder."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from llmexam.errors import ModelError
from llmexam.lm.decoder import LikelihoodScorer, load_decoder
from llmexam.recovery.likelihood import CHAT, PLAIN, RewriteLikelihood, rewrite_likelihood
from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.metrics.likelihood_gain import LikelihoodGain


@pytest.fixture(scope="module")
def scorer(lm_folder):
    return LikelihoodScorer(load_decoder(str(lm_folder), precision="fp32"))


def by_transformers(scorer, before, target, *, special):
    """Sum of log-probabilities of a target after a text."""
    tokenizer, model = scorer.tokenizer, scorer.decoder.model
    ids = tokenizer(before, add_special_tokens=special)["input_ids"]
    own = tokenizer(target, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([ids + own])).logits[0].double()
    places = torch.arange(len(ids) - 1, len(ids) + len(own) - 1)
    return float(logits.log_softmax(-1)[places, torch.tensor(own)].sum()), len(own)


def test_plain_layout_is_that_of_transformers(scorer, rewrites):
    likelihood = RewriteLikelihood(scorer, chat=False)
    prompts = ["Rewrite this as a poem.", "Fix it."]
    pairs = [(row.original, row.rewritten) for row in rewrites][:2]
    found = likelihood.score(pairs, [prompts, prompts[:1]])
    assert [len(one) for one in found] == [2, 1]
    before = PLAIN.format(prompt="Fix it.", original=pairs[0][0])
    total, n = by_transformers(scorer, before, pairs[0][1], special=True)
    assert found[0][1].total == pytest.approx(total, abs=1e-3)
    assert found[0][1].n_tokens == n
    assert found[0][1].per_token == pytest.approx(total / n, abs=1e-4)
    assert found[0][1].per_byte == pytest.approx(total / len(pairs[0][1].encode()), abs=1e-4)
    assert found[0][0].total != found[0][1].total


def test_a_chat_template_is_used_where_there_is_one(scorer):
    found = RewriteLikelihood(scorer).score([("The sea.", "O sea!")], [["As a poem."]])[0][0]
    message = {"role": "user", "content": CHAT.format(prompt="As a poem.", original="The sea.")}
    before = scorer.tokenizer.apply_chat_template(
        [message], tokenize=False, add_generation_prompt=True
    )
    total, _ = by_transformers(scorer, before, "O sea!", special=False)
    assert found.total == pytest.approx(total, abs=1e-3)


def test_texts_are_cut_and_counted(scorer):
    likelihood = RewriteLikelihood(scorer, max_text_tokens=8)
    long = "one two three four five six seven eight nine ten eleven twelve"
    assert likelihood.cut([long, "short"]).tolist() == [True, False]
    found = likelihood.score([(long, long), ("a", "b")], [[long], [long]])
    assert found[0][0].n_tokens <= 8
    # A text of a megabyte is cut before it is tokenized.
    assert likelihood.cut(["x " * 500_000]).tolist() == [True]


def test_a_short_context_leaves_room_for_all_texts(scorer, monkeypatch):
    monkeypatch.setattr(type(scorer), "longest", 124)
    likelihood = RewriteLikelihood(scorer)
    assert likelihood.max_text_tokens == 20
    long = "water " * 300
    assert likelihood.score([(long, long)], [[long]])[0][0].n_tokens <= 20
    monkeypatch.setattr(type(scorer), "longest", 64)
    with pytest.raises(ModelError, match="leaves none for the texts"):
        RewriteLikelihood(scorer)


def test_nothing_is_scored_twice(scorer):
    likelihood = RewriteLikelihood(scorer)
    first = likelihood.score([("a cat", "a dog")], [["Swap.", "Swap.", "Do it."]])
    done = scorer.work.tokens
    assert likelihood.score([("a cat", "a dog")], [["Do it."]])[0][0] == first[0][2]
    assert scorer.work.tokens == done


def test_blank_and_odd_texts_have_a_likelihood(scorer):
    likelihood = RewriteLikelihood(scorer, chat=False)
    found = likelihood.score([("", ""), ("\ud83d", "水 {x}")], [[""], ["{prompt} 水"]])
    assert all(np.isfinite(one.per_byte) for own in found for one in own)
    assert likelihood.score([], []) == []


def test_a_model_without_chat_template_is_told(scorer, monkeypatch):
    monkeypatch.setattr(scorer.tokenizer, "chat_template", None)
    with pytest.raises(ModelError, match="no chat template"):
        RewriteLikelihood(scorer, chat=True)


def test_gain_is_the_difference_to_the_constant(scorer, rewrites):
    likelihood = RewriteLikelihood(scorer, name="tiny")
    metric = LikelihoodGain(likelihood)
    assert metric.values(rewrites, [COMMON[0]] * 6).tolist() == [0.0] * 6
    gain = metric.values(rewrites, rewrites.prompts)
    row = rewrites[2]
    own, other = likelihood.score([(row.original, row.rewritten)], [[row.prompt, COMMON[0]]])[0]
    assert gain[2] == own.per_token - other.per_token
    # The true prompt is not read.
    unlabelled = replace(rewrites, rows=tuple(replace(one, prompt=None) for one in rewrites))
    assert metric.values(unlabelled, rewrites.prompts).tolist() == gain.tolist()


def test_the_model_is_loaded_once(lm_folder):
    assert rewrite_likelihood(str(lm_folder)) is rewrite_likelihood(str(lm_folder))
