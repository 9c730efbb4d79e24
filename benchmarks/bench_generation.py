"""Generating candidates of prompts: ours against transformers' `generate`.

The same prompts, the same number of new tokens (no end token), fp32, one process, two threads;
drawn with temperature 1 and top-p 0.95. `generate` is called row by row, and with each of a few
static batch sizes, of which the fastest counts. Greedy tokens of both are compared. Run:
python benchmarks/bench_generation.py MODEL, or without a model for one with random weights.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
import transformers

from llmexam.lm.decoder import Decoder, Generator, Sampling, load_decoder
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.prompting import INSTRUCTIONS
from llmexam.sample import REWRITES_PATH

N_THREADS = 2
TOP_P = 0.95


def main() -> None:
    """Time all and print the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", help="folder of a causal language model")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--rows", type=int, help="prompts timed row by row; the rest is projected")
    args = parser.parse_args()
    torch.set_num_threads(N_THREADS)
    decoder = load_decoder(args.model, precision="fp32") if args.model else random_decoder()
    # Every text gets all its tokens, so that all do the same work.
    decoder.model.generation_config.eos_token_id = None
    decoder.tokenizer.eos_token = None
    prompts = prompts_of(decoder.tokenizer, args.prompts)
    n_new = args.prompts * args.candidates * args.tokens
    print(f"{args.prompts} prompts of {sum(map(len, prompts)) / len(prompts):.0f} tokens, ")
    print(f"{args.candidates} candidates of {args.tokens} new tokens each: {n_new:,} new tokens")

    same = sum(
        ours[0].tokens == theirs
        for ours, theirs in zip(
            Generator(decoder).generate(prompts[:8], Sampling(max_new_tokens=args.tokens)),
            plain(decoder, prompts[:8], args.tokens),
            strict=True,
        )
    )
    print(f"greedy: {same} of {len(prompts[:8])} texts have the same tokens")

    sampling = Sampling(
        max_new_tokens=args.tokens, n=args.candidates, do_sample=True, top_p=TOP_P, seed=0
    )
    generator = Generator(decoder)
    ours = seconds(lambda: generator.generate(prompts, sampling))
    print(f"llmexam: {ours:.1f} s, {n_new / ours:.0f} tokens a second, {generator.work}")
    options = {"max_new_tokens": args.tokens, "num_return_sequences": args.candidates}
    batched = {
        size: seconds(lambda size=size: static(decoder, prompts, size, **options))
        for size in args.batches
    }
    for size, taken in batched.items():
        print(f"generate, batches of {size}: {taken:.1f} s; ratio {taken / ours:.2f}")
    n_rows = args.rows or len(prompts)
    rows = seconds(lambda: static(decoder, prompts[:n_rows], 1, **options))
    rows *= len(prompts) / n_rows
    print(f"generate, row by row: {rows:.1f} s ({n_rows} rows timed); ratio {rows / ours:.2f}")
    best = min(batched.values())
    print(f"ratios: {rows / ours:.2f} to row by row, {best / ours:.2f} to the best static batch")


def seconds(work: Callable[[], Any]) -> float:
    """Return how long some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def prompts_of(tokenizer: Any, n: int) -> list[list[int]]:
    """Return prompts about the sample's rewrites, behind common instructions."""
    rows = list(read_rewrites(REWRITES_PATH))
    texts = [
        f"{INSTRUCTIONS}\n\nOriginal text:\n{row.original}\n\nRewritten text:\n"
        f"{rows[(i + i // len(rows)) % len(rows)].rewritten}\n\nPrompt:"
        for i, row in enumerate((rows * (n // len(rows) + 1))[:n])
    ]
    return [tokenizer(text)["input_ids"] for text in texts]


def static(decoder: Decoder, prompts: Sequence[list[int]], size: int, **options: int) -> None:
    """Generate with transformers, in batches of prompts of close length, padded at the left."""
    ordered = sorted(prompts, key=len)
    for begin in range(0, len(ordered), size):
        part = ordered[begin : begin + size]
        width = max(map(len, part))
        ids = torch.tensor([[0] * (width - len(one)) + one for one in part])
        mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in part])
        decoder.model.generate(
            ids,
            attention_mask=mask,
            do_sample=True,
            top_p=TOP_P,
            top_k=0,
            pad_token_id=0,
            **options,
        )


def plain(decoder: Decoder, prompts: Sequence[list[int]], n_tokens: int) -> list[tuple[int, ...]]:
    """Return transformers' greedy tokens, prompt by prompt."""
    found = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        out = decoder.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=n_tokens,
            pad_token_id=0,
        )
        found.append(tuple(out[0, len(prompt) :].tolist()))
    return found


def random_decoder() -> Decoder:
    """Return a small decoder with random weights and a tokenizer trained on the sample."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(REWRITES_PATH.read_text("utf-8").splitlines(), trainer)
    torch.manual_seed(0)
    # The shape of a model of a quarter of a billion weights, with a large vocabulary.
    config = transformers.Gemma3TextConfig(
        vocab_size=64_000,
        hidden_size=512,
        intermediate_size=2048,
        num_hidden_layers=12,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=128,
        pad_token_id=0,
    )
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
        fast = transformers.AutoTokenizer.from_pretrained(folder)
    return Decoder(model, fast)


if __name__ == "__main__":
    main()
