from dataclasses import replace

import numpy as np
import pytest
import torch

from llmexam.errors import ModelError
from llmexam.lm.decoder.generation import Generator
from llmexam.lm.decoder.model import Decoder
from llmexam.lm.decoder.sampling import Sampling

VOCABULARY = 97
SHARING = ("llama", "mistral", "qwen3", "gemma2", "gemma3", "phi", "gpt2", "gpt-oss", "granite")
GREEDY = Sampling(max_new_tokens=12)
DRAWN = Sampling(max_new_tokens=12, n=3, do_sample=True, top_k=20, top_p=0.9, seed=5)


class Letters:
    """A tokenizer of which token 3 is "a", 4 is "b", and so on."""

    eos_token_id = 2

    def decode(self, tokens, skip_special_tokens=True):
        return "".join(chr(ord("a") + (token - 3) % 26) for token in tokens if token > 2)


def draw_prompts(n=6, *, prefix=10, seed=0, longest=15):
    rng = np.random.default_rng(seed)
    common = tuple(rng.integers(3, VOCABULARY, prefix).tolist())
    return [
        common + tuple(rng.integers(3, VOCABULARY, int(rng.integers(1, longest))).tolist())
        for _ in range(n)
    ]


def reference(decoder, prompt, **options):
    """Return the new tokens of transformers' own `generate`."""
    found = decoder.model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        **options,
    )
    return tuple(found[0, len(prompt) :].tolist())


@pytest.mark.parametrize("name", [*SHARING, "mamba", "bloom"])
def test_greedy_tokens_are_those_of_transformers(make_decoder, name):
    decoder = make_decoder(name)
    prompts = draw_prompts()
    found = Generator(decoder).generate(prompts, GREEDY)
    for prompt, (one,) in zip(prompts, found, strict=True):
        assert one.tokens == reference(decoder, prompt, max_new_tokens=12), name


def test_log_probabilities_are_those_of_the_tokens(llama):
    prompts = draw_prompts()
    for prompt, texts in zip(prompts, Generator(llama).generate(prompts, DRAWN), strict=True):
        for one in texts:
            ids = torch.tensor([[*prompt, *one.tokens]])
            with torch.inference_mode():
                logits = llama.model(ids).logits[0, len(prompt) - 1 : -1].log_softmax(dim=-1)
            wanted = logits.gather(1, torch.tensor(one.tokens)[:, None]).sum().item()
            assert one.log_prob == pytest.approx(wanted, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama", "gemma3", "bloom"])
def test_a_text_depends_on_neither_the_batch_nor_the_number_of_candidates(make_decoder, name):
    decoder = make_decoder(name)
    prompts = draw_prompts()
    together = Generator(decoder).generate(prompts, DRAWN)
    alone = [Generator(decoder).generate([one], DRAWN)[0] for one in prompts]
    small = Generator(decoder, n_tokens=20).generate(prompts[::-1], DRAWN)[::-1]
    more = Generator(decoder).generate(prompts, replace(DRAWN, n=5))
    tokens = [[one.tokens for one in texts] for texts in together]
    for other in (alone, small, [texts[:3] for texts in more]):
        assert [[one.tokens for one in texts] for texts in other] == tokens
    assert len({one for texts in tokens for one in texts}) > len(prompts)


def test_another_seed_gives_other_texts(llama):
    prompts = draw_prompts(2)
    first, other = (
        Generator(llama).generate(prompts, replace(DRAWN, seed=seed)) for seed in (5, 6)
    )
    assert [texts[0].tokens for texts in first] != [texts[0].tokens for texts in other]


def test_the_end_token_ends_a_text_and_the_batch_goes_on(llama):
    prompts = draw_prompts(12, seed=3)
    plain = Generator(llama).generate(prompts, GREEDY)
    # A token in the middle of some texts becomes the end token; those texts stop there.
    end = plain[0][0].tokens[4]
    llama.model.generation_config.eos_token_id = [2, end]
    generator = Generator(llama)
    found = generator.generate(prompts, GREEDY)
    for (before,), (after,) in zip(plain, found, strict=True):
        if end in before.tokens:
            wanted = before.tokens[: before.tokens.index(end) + 1]
            assert (after.tokens, after.is_finished) == (wanted, True)
        else:
            assert after.tokens == before.tokens
            assert after.is_finished == (2 in before.tokens)
    # Texts that have ended cost nothing more: no row of a pass is computed for them for long.
    n_new = sum(len(one.tokens) - 1 for (one,) in found)
    n_prompt = len(prompts[0][:10]) + sum(len(prompt) - 10 for prompt in prompts)
    assert generator.work.tokens == n_new + n_prompt


def test_ended_candidates_leave_the_batch(llama):
    prompts = draw_prompts(8, seed=1)
    sampling = Sampling(max_new_tokens=40, n=4, do_sample=True, temperature=3.0, seed=1)
    llama.model.generation_config.eos_token_id = list(range(3, 15))
    generator = Generator(llama)
    found = generator.generate(prompts, sampling)
    lengths = [len(one.tokens) for texts in found for one in texts]
    assert min(lengths) < 5 < max(lengths)
    # Without packing, every pass would have a row for each candidate.
    unpacked = len(lengths) * max(lengths)
    assert generator.work.padded < 0.6 * unpacked
    alone = [Generator(llama).generate([prompt], sampling)[0] for prompt in prompts]
    assert alone == [
        [replace(one, log_prob=pytest.approx(one.log_prob, abs=1e-3)) for one in texts]
        for texts in found
    ]


def test_a_stop_text_ends_a_candidate_and_is_no_part_of_it(llama):
    decoder = Decoder(llama.model, Letters())
    decoder.model.generation_config.eos_token_id = None
    prompts = draw_prompts(4)
    plain = [texts[0] for texts in Generator(decoder).generate(prompts, GREEDY)]
    stop = plain[0].text[5:7]
    found = [
        texts[0] for texts in Generator(decoder).generate(prompts, replace(GREEDY, stop=(stop,)))
    ]
    assert found[0].is_finished
    for before, after in zip(plain, found, strict=True):
        assert after.text == before.text.partition(stop)[0]
        assert after.is_finished == (stop in before.text or 2 in before.tokens)


def test_the_prompt_of_all_and_of_each_is_computed_once(llama):
    prompts = draw_prompts(5, prefix=30)
    generator = Generator(llama)
    generator.generate([*prompts, prompts[0]], DRAWN)
    n_prompt = 30 + sum(len(prompt) - 30 for prompt in prompts)
    drawn = sum(
        len(one.tokens) - 1 for texts in Generator(llama).generate(prompts, DRAWN) for one in texts
    )
    assert generator.work.tokens == n_prompt + drawn


def test_greedy_candidates_are_computed_once(llama):
    generator = Generator(llama)
    (texts,) = generator.generate(draw_prompts(1), replace(GREEDY, n=4))
    assert len(texts) == 4
    assert texts == [texts[0]] * 4
    assert generator.work.forwards == 12


def test_progress_counts_every_prompt(llama):
    prompts = draw_prompts(5)
    done = []
    Generator(llama, n_tokens=10).generate([*prompts, prompts[0]], GREEDY, progress=done.append)
    assert sum(done) == 6
    assert len(done) > 1


def test_what_cannot_be_generated_is_refused(llama, make_classifier):
    with pytest.raises(ModelError, match="has 257 tokens, more than the model's limit of 256"):
        Generator(llama).generate([[5] * 245], GREEDY)
    with pytest.raises(ModelError, match="no tokens"):
        Generator(llama).generate([[]], GREEDY)
    with pytest.raises(ModelError, match="cannot generate"):
        Generator(Decoder(make_classifier("llama"), None))
    assert Generator(llama).generate([], GREEDY) == []
