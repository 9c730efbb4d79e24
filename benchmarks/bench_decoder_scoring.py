"""Compare the speed of option log-likelihoods under a decoder with lm-evaluation-harness.

Both use the same model (a random Llama), machine, precision and token ids; only time and agreement
are compared. With `--bf16`, the harness is also timed in fp32, its default precision. Needs
`pip install lm-eval`, which is not a dependency of llmexam.

    python benchmarks/bench_decoder_scoring.py --rounds 3
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from llmexam.lm.decoder import Continuation, Decoder, LikelihoodScorer

try:
    from lm_eval.models.huggingface import HFLM
except ImportError:
    # `make bench` runs all that can be run.
    raise SystemExit(print("skipped: it needs `pip install lm-eval`")) from None

Groups = list[list[Continuation]]


def make_model(args: argparse.Namespace) -> transformers.PreTrainedModel:
    """Return a random Llama of the size asked for."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=args.vocabulary,
        hidden_size=args.width,
        intermediate_size=args.width * 11 // 4,
        num_hidden_layers=args.layers,
        num_attention_heads=args.width // 64,
        num_key_value_heads=max(1, args.width // 64 // args.groups),
        max_position_embeddings=4096,
    )
    dtype = torch.bfloat16 if args.bf16 else torch.float32
    with torch.device(args.device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    return model.to(args.device, dtype).eval()


def make_tokenizer(n_tokens: int) -> transformers.PreTrainedTokenizerFast:
    """Return a tokenizer the harness can ask for its special tokens; no text is tokenised."""
    words = {f"w{i}": i for i in range(n_tokens)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="w0"))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="w1", pad_token="w1", bos_token="w1"
    )


def options_after_context(n_questions: int, n_vocabulary: int) -> Groups:
    """Return five options of about 40 tokens after about 730 tokens of context."""
    rng = np.random.default_rng(1)
    groups = []
    for _ in range(n_questions):
        context = draw(rng, int(rng.integers(690, 771)), n_vocabulary)
        groups.append(
            [
                Continuation(
                    context + draw(rng, int(rng.integers(34, 47)), n_vocabulary), len(context)
                )
                for _ in range(5)
            ]
        )
    return groups


def letters_after_shots(n_questions: int, n_vocabulary: int) -> Groups:
    """Return five letters after a question of 90 to 150 tokens behind five shots of 900 tokens."""
    rng = np.random.default_rng(2)
    shots = draw(rng, 900, n_vocabulary)
    letters = draw(rng, 5, n_vocabulary)
    groups = []
    for _ in range(n_questions):
        context = shots + draw(rng, int(rng.integers(90, 151)), n_vocabulary)
        groups.append([Continuation((*context, letter), len(context)) for letter in letters])
    return groups


def draw(rng: np.random.Generator, n: int, n_vocabulary: int) -> tuple[int, ...]:
    """Return random token ids."""
    return tuple(int(token) for token in rng.integers(2, n_vocabulary, n))


def time_ours(model: transformers.PreTrainedModel, groups: Groups, n_tokens: int) -> Timed:
    """Return seconds and log-likelihoods of ours, and what went through the model."""
    scorer = LikelihoodScorer(Decoder(model, None), n_tokens=n_tokens)
    # Trying out whether the model shares is once a model, not once an exam.
    assert scorer.decoder.shares
    seconds, found = clock(lambda: scorer.score(groups))
    sums = np.array([[float(one.sum()) for one in group] for group in found])
    return Timed(seconds, sums, scorer.work.tokens)


def time_harness(harness: HFLM, groups: Groups) -> Timed:
    """Return seconds and log-likelihoods of the harness."""
    requests = [
        (("", ""), list(one.tokens[: one.start]), list(one.asked))
        for group in groups
        for one in group
    ]
    seconds, found = clock(lambda: harness._loglikelihood_tokens(requests, disable_tqdm=True))
    sums = np.array([value for value, _ in found]).reshape(len(groups), -1)
    return Timed(seconds, sums, sum(len(c) + len(t) - 1 for _, c, t in requests))


class Timed:
    """What one side took and said."""

    def __init__(self, seconds: float, sums: np.ndarray, n_tokens: int) -> None:
        self.seconds, self.sums, self.n_tokens = seconds, sums, n_tokens


def clock(work: Callable[[], object]) -> tuple[float, object]:
    """Return the seconds that some work takes, and what it returns."""
    synchronise()
    begin = time.perf_counter()
    result = work()
    synchronise()
    return time.perf_counter() - begin, result


def synchronise() -> None:
    """Wait for the accelerator, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table: seconds, ratio and largest difference for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--groups", type=int, default=1, help="query heads a key head")
    parser.add_argument("--vocabulary", type=int, default=32000)
    parser.add_argument("--n-tokens", type=int, default=4096, help="tokens of a batch of ours")
    parser.add_argument(
        "--batch", default="1,8", help="batch sizes of the harness; the best counts"
    )
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(arguments)
    model, tokenizer = make_model(args), make_tokenizer(args.vocabulary)
    n_weights = sum(p.numel() for p in model.parameters())
    print(
        f"random Llama, {n_weights / 1e6:.0f} M weights, {args.questions} questions x 5, "
        f"{'bf16' if args.bf16 else 'fp32'}, {args.device}, {torch.get_num_threads()} threads"
    )
    harnesses = {"lm-eval": model}
    if args.bf16:
        harnesses["lm-eval fp32"] = copy.deepcopy(model).float()
    cases = {
        "options of 40 tokens after 730": options_after_context,
        "letters after 900 + 120": letters_after_shots,
    }
    for name, make in cases.items():
        groups = make(args.questions, args.vocabulary)
        best: dict[str, Timed] = {}
        for _ in range(args.rounds):
            keep_best(best, "ours", time_ours(model, groups, args.n_tokens))
            for size in args.batch.split(","):
                for label, one in harnesses.items():
                    harness = HFLM(pretrained=one, tokenizer=tokenizer, batch_size=int(size))
                    keep_best(best, f"{label}, batch {size}", time_harness(harness, groups))
        ours = best.pop("ours")
        print(f"\n{name}\n  ours                    {ours.seconds:8.2f} s  {ours.n_tokens} tokens, "
              f"{ours.n_tokens / ours.seconds:.0f} a second")  # fmt: skip
        for label, one in best.items():
            apart = float(np.abs(one.sums - ours.sums).max())
            print(f"  {label:23} {one.seconds:8.2f} s  {one.n_tokens} tokens; "
                  f"{one.seconds / ours.seconds:.2f}x, largest difference {apart:.1e}")  # fmt: skip


def keep_best(best: dict[str, Timed], name: str, one: Timed) -> None:
    """Keep the faster of two rounds."""
    if name not in best or one.seconds < best[name].seconds:
        best[name] = one


if __name__ == "__main__":
    main()
