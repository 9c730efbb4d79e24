import numpy as np
import pytest
import torch
import transformers

from llmexam.lm.decoder.probe import plain_answers
from llmexam.lm.decoder.requests import Continuation
from llmexam.training.causal_lm.objective import log_probs, option_scores, total_loss
from llmexam.training.causal_lm.rows import collate
from llmexam.training.prompts.examples import Example, Part, count_tokens

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
MORE = {**SIZES, "intermediate_size": 32, "num_key_value_heads": 1, "max_position_embeddings": 64}


def model_of(kind):
    torch.manual_seed(0)
    if kind == "gpt2":
        config = transformers.GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2)
    elif kind == "gemma2":
        config = transformers.Gemma2Config(**MORE, head_dim=8, sliding_window=40)
    else:
        config = {"llama": transformers.LlamaConfig, "qwen2": transformers.Qwen2Config}[kind](
            **MORE
        )
    config.initializer_range = 0.2
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def example(seed, n_trunk, lengths, answer=0):
    draw = np.random.default_rng(seed)
    trunk = draw.integers(4, 50, n_trunk).tolist()
    parts = []
    for i, n in enumerate(lengths):
        request = Continuation((*trunk, *draw.integers(4, 50, n).tolist()), n_trunk)
        parts.append(Part(request, i, length=n))
    return Example(tuple(parts), len(lengths), answer)


def outputs_of(model, batch):
    names = ("input_ids", "position_ids", "attention_mask", "logits_to_keep")
    return model(**{name: batch[name] for name in names}, use_cache=False).logits


@pytest.mark.parametrize("shares", [True, False], ids=["shared", "alone"])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2", "gemma2"])
def test_log_probs_are_those_of_each_answer_read_alone(kind, shares):
    model = model_of(kind)
    examples = [example(0, 12, (3, 1, 4)), example(1, 7, (2, 2, 5, 6, 1))]
    boolean = model.config._attn_implementation == "sdpa"
    batch = collate(examples, [True, True], by_token=False, shares=shares, boolean_mask=boolean)
    with torch.no_grad():
        logits = outputs_of(model, batch)
        parts = [part for one in examples for part in one.parts]
        plain = [plain_answers(model, part.request) for part in parts]
    found = log_probs(logits, batch["asked"])
    np.testing.assert_allclose(found, torch.cat(plain), atol=2e-5)
    scores = option_scores(logits, batch["asked"])
    assert torch.isneginf(scores[0, 3:]).all()
    means = [float(one.mean()) for one in plain]
    np.testing.assert_allclose(scores[0, :3], means[:3], atol=2e-5)
    np.testing.assert_allclose(scores[1], means[3:], atol=2e-5)


def test_what_answers_share_goes_through_the_model_once():
    one = example(0, 30, (4, 4, 4, 4, 4))
    assert count_tokens(one) == 30 + 5 * 3
    shared = collate([one], [True], by_token=False)
    alone = collate([one], [True], by_token=False, shares=False)
    assert shared["input_ids"].numel() == 45
    assert alone["input_ids"].numel() == 5 * 33
    # Logits are made for the answers and the state before them, not for what is given.
    assert shared["logits_to_keep"] == 16


def test_gradients_are_those_of_answers_read_alone():
    examples = [example(0, 12, (3, 1, 4), 2), example(1, 7, (2, 2, 5), 1)]
    total = total_loss("option-likelihood")
    found = []
    for shares in (True, False):
        model = model_of("llama")
        batch = collate(examples, [True, True], by_token=False, shares=shares)
        loss = total(outputs_of(model, batch), batch["labels"][0, 1:], batch["asked"])
        loss.backward()
        found.append((loss.item(), [p.grad for p in model.parameters()]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for shared, alone in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(shared, alone, atol=2e-5)


@pytest.mark.parametrize("objective", ["answer", "option-likelihood", "binary"])
def test_what_only_fills_up_has_no_loss(objective):
    model = model_of("llama")
    one, other = example(0, 9, (3, 2)), example(1, 7, (2, 5))
    total, by_token = total_loss(objective), objective == "answer"

    def loss(examples, counts):
        batch = collate(examples, counts, by_token=by_token)
        labels = batch["labels"][0, 1:]
        n = int((labels != -100).sum())
        return float(total(outputs_of(model, batch), labels, batch["asked"])), n

    with torch.no_grad():
        alone, n = loss([one], [True])
        both = loss([one, other], [True, False])
        assert both == (pytest.approx(alone, rel=1e-5), n)
        assert loss([other], [False]) == (0.0, 0)
    assert n == (5 if by_token else 1)


def test_the_loss_is_that_of_transformers_on_the_answer_alone():
    model = model_of("llama")
    one = example(0, 9, (3,))
    batch = collate([one], [True], by_token=True)
    labels = batch["labels"][0, 1:]
    with torch.no_grad():
        found = total_loss("answer")(outputs_of(model, batch), labels, batch["asked"])
        ids = torch.tensor([one.parts[0].request.tokens])
        masked = ids.clone()
        masked[:, :9] = -100
        theirs = model(input_ids=ids, labels=masked).loss
    assert float(found) / 3 == pytest.approx(float(theirs), rel=1e-5)
