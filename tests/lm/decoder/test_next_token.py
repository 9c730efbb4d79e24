import pytest
import torch
from transformers import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from llmexam.lm.decoder.next_token import next_tokens
from llmexam.lm.decoder.sampling import Sampling


def warped(logits, sampling):
    """Return the probabilities after transformers' filters."""
    steps = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k:
        steps.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        steps.append(TopPLogitsWarper(sampling.top_p))
    return torch.softmax(steps(None, logits), dim=-1)


@pytest.mark.parametrize("n_vocabulary", [50, 3000])
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, 0, 1.0), (0.7, 0, 1.0), (1.3, 8, 1.0), (0.8, 0, 0.6), (1.0, 20, 0.8), (1.0, 0, 0.9999)],
)
def test_tokens_are_drawn_as_transformers_filters_say(n_vocabulary, temperature, top_k, top_p):
    torch.manual_seed(0)
    logits = torch.randn(1, n_vocabulary) * 2
    sampling = Sampling(do_sample=True, temperature=temperature, top_k=top_k, top_p=top_p)
    n = 20_000 if n_vocabulary < 100 else 2_000
    uniform = torch.arange(n, dtype=torch.float64) / n
    drawn = next_tokens(logits.expand(n, -1), sampling, uniform)
    shares = torch.bincount(drawn, minlength=n_vocabulary) / n
    # With evenly spaced numbers, every token is drawn as often as it should to one number.
    assert (shares - warped(logits, sampling)[0]).abs().max() < 3 / n


def test_greedy_takes_the_likeliest():
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]])
    assert next_tokens(logits, Sampling(), torch.zeros(2)).tolist() == [1, 0]


def test_the_largest_number_gives_a_possible_token():
    logits = torch.tensor([[0.0, 1.0, -float("inf")]])
    largest = torch.tensor([1 - 2**-53], dtype=torch.float64)
    for top_k in (0, 2):
        sampling = Sampling(do_sample=True, top_k=top_k)
        assert next_tokens(logits, sampling, largest).tolist() == [1 if top_k == 0 else 0]
