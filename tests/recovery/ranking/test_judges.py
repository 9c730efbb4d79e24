import numpy as np
import pytest

from llmexam.recovery.likelihood import rewrite_likelihood
from llmexam.recovery.ranking.judges import (
    CrossEncoderJudge,
    LikelihoodJudge,
    judges_hash,
    load_judges,
    pair_text,
)
from llmexam.recovery.recoverers.bank_ranker import BankRanker
from llmexam.recovery.rewrites import Rewrite


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory, lm_tokenizer):
    """A tiny random BERT with one output."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(lm_tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=1,
    )
    transformers.AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    lm_tokenizer.save_pretrained(folder)
    return str(folder)


PROMPTS = [["Make it a poem.", "Write an email."]] * 2


def test_a_cross_encoder_scores_each_prompt_of_each_row(cross_encoder, rewrites):
    found = CrossEncoderJudge(cross_encoder).score(rewrites.subset([0, 2]), PROMPTS)
    assert found.shape == (2, 2)
    turned = [own[::-1] for own in PROMPTS]
    again = CrossEncoderJudge(cross_encoder).score(rewrites.subset([0, 2]), turned)
    np.testing.assert_allclose(again[:, ::-1], found, atol=1e-5)
    assert found[0, 0] != found[0, 1]


def test_a_language_model_scores_in_nats_per_token(lm_folder, rewrites):
    found = LikelihoodJudge(str(lm_folder)).score(rewrites.subset([0, 2]), PROMPTS)
    row = rewrites[2]
    scorer = rewrite_likelihood(str(lm_folder))
    [own] = scorer.score([(row.original, row.rewritten)], [PROMPTS[1]])
    np.testing.assert_allclose(found[1], [one.per_token for one in own], rtol=1e-4)


def test_beginnings_of_texts_are_read():
    text = pair_text(Rewrite("1", "a" * 900, "b" * 900))
    assert text == "b" * 400 + "\n\n" + "a" * 400


def test_only_named_models_are_loaded(lm_folder):
    assert load_judges(None, None) == []
    assert [type(one) for one in load_judges(None, str(lm_folder))] == [LikelihoodJudge]
    assert len(judges_hash([None, str(lm_folder)])[0]) == 64


@pytest.mark.slow
def test_the_bank_ranker_hears_both(cross_encoder, lm_folder, sample):
    recoverer = BankRanker(
        cross_encoder=cross_encoder,
        likelihood_model=str(lm_folder),
        n_judged=3,
        n_fitted=6,
    )
    recoverer.fit(sample.subset(range(12)))
    [found] = recoverer.recover(sample.subset([20]).without_prompts())
    assert len(found.candidates) == 3
    assert found.text in sample.subset(range(12)).prompts
