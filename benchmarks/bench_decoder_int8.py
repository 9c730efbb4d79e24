"""Compare decoder scoring in int8 on the CPU with fp32: CPU time, agreement and MAP@3.

    python benchmarks/bench_decoder_int8.py
    python benchmarks/bench_decoder_int8.py --size qwen2.5-1.5b --layers 4
    python benchmarks/bench_decoder_int8.py --model FOLDER --data train.csv --limit 60

Both score the same questions in one process, a few at a time in turns, so that other load slows
both. CPU time of the process counts. Without `--model`, weights are random, and only times are
meaningful; `--layers` limits memory, and layers have equal sizes. `--model` is a local folder. The
shares of time are those of kinds of operators.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models

from llmexam import CausalLmSolver, sample
from llmexam.evaluation.metrics import map_at_k
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.lm.decoder import Continuation, LikelihoodScorer, load_decoder

PRECISIONS = ("fp32", "int8")
_KINDS = {
    "onednn::qlinear_pointwise": "products",
    "aten::mm": "products",
    "aten::addmm": "products",
    "aten::_scaled_dot_product_flash_attention_for_cpu": "attention",
    "aten::bmm": "attention",
    "aten::abs": "quantization",
    "aten::amax": "quantization",
    "aten::round_": "quantization",
    "aten::bitwise_xor_": "quantization",
}


def sizes(layers: int | None) -> dict[str, transformers.PretrainedConfig]:
    """Return configs with the sizes of published models, with fewer layers if given."""
    gemma = transformers.Gemma3TextConfig(
        vocab_size=262144, hidden_size=640, intermediate_size=2048, head_dim=256,
        num_hidden_layers=layers or 18, num_attention_heads=4, num_key_value_heads=1,
        sliding_window=512, max_position_embeddings=4096,
    )  # fmt: skip
    qwen = transformers.Qwen2Config(
        vocab_size=151936, hidden_size=1536, intermediate_size=8960,
        num_hidden_layers=layers or 28, num_attention_heads=12, num_key_value_heads=2,
        tie_word_embeddings=True, max_position_embeddings=4096,
    )  # fmt: skip
    return {"gemma-3-270m": gemma, "qwen2.5-1.5b": qwen}


def save_random(config: transformers.PretrainedConfig, folder: Path) -> None:
    """Write a model with random weights, and a tokenizer that is not used."""
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words = models.WordLevel({"w0": 0}, unk_token="w0")
    transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words)).save_pretrained(folder)


def random_groups(n_questions: int, length: int, option: int) -> list[list[Continuation]]:
    """Return five options of `option` tokens after `length` tokens of context, per question."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> tuple[int, ...]:
        return tuple(int(token) for token in rng.integers(10, 100_000, n))

    groups = []
    for _ in range(n_questions):
        context = draw(length)
        groups.append([Continuation(context + draw(option), length) for _ in range(5)])
    return groups


def compare_random(folder: str, args: argparse.Namespace) -> None:
    """Print CPU seconds and ratio for options of some tokens, and for single letters."""
    scorers = {
        one: LikelihoodScorer(load_decoder(folder, precision=one), n_tokens=args.batch_tokens)
        for one in PRECISIONS
    }
    for name, option in (("letters", 1), ("options of 12 tokens", 12)):
        groups = random_groups(args.limit, args.length, option)
        best: dict[str, float] = {}
        for i in range(args.rounds):
            for one in PRECISIONS if i % 2 else PRECISIONS[::-1]:
                begin = time.process_time()
                scorers[one].score(groups)
                best[one] = min(best.get(one, np.inf), time.process_time() - begin)
        print(f"{name} after {args.length} tokens: fp32 {best['fp32']:.2f} s, int8 "
              f"{best['int8']:.2f} s, {best['fp32'] / best['int8']:.2f}x")  # fmt: skip
        for one in PRECISIONS:
            print(f"  {one}: {shares_of_time(scorers[one], groups)}")


def shares_of_time(scorer: LikelihoodScorer, groups: list[list[Continuation]]) -> str:
    """Return the shares of time of kinds of operators, from torch's profiler."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        scorer.score(groups)
    spent: dict[str, float] = defaultdict(float)
    for event in found.key_averages():
        spent[_KINDS.get(event.key, "other")] += event.self_cpu_time_total
    total = sum(spent.values())
    parts = sorted(spent.items(), key=lambda one: -one[1])
    return ", ".join(f"{name} {value / total:.0%}" for name, value in parts)


def compare_exam(folder: str, args: argparse.Namespace) -> None:
    """Print CPU seconds, ratio, differences of scores, and MAP@3 of both, for a real exam."""
    exam = Exam(read_exam(args.data).questions[: args.limit])
    for template in args.templates.split(","):
        solvers = {
            one: CausalLmSolver(
                model=folder, template=template, precision=one, max_tokens=args.length,
                batch_tokens=args.batch_tokens,
            )
            for one in PRECISIONS
        }  # fmt: skip
        seconds, parts = dict.fromkeys(PRECISIONS, 0.0), defaultdict(list)
        for one in PRECISIONS:
            solvers[one].score(exam.questions[:1])  # loads the model
        for i, begin in enumerate(range(0, len(exam.questions), args.step)):
            some = exam.questions[begin : begin + args.step]
            for one in PRECISIONS if i % 2 else PRECISIONS[::-1]:
                start = time.process_time()
                parts[one].append(solvers[one].score(some))
                seconds[one] += time.process_time() - start
        values = {one: np.concatenate([part.values for part in parts[one]]) for one in PRECISIONS}
        print_agreement(template, exam, seconds, values)


def print_agreement(
    template: str, exam: Exam, seconds: dict[str, float], values: dict[str, np.ndarray]
) -> None:
    """Print one template's times and differences."""
    orders = [np.argsort(-values[one], axis=1) for one in PRECISIONS]
    scores = [map_at_k(order, exam.answers) for order in orders]
    apart = np.abs(values["fp32"] - values["int8"])
    print(
        f"{template}, {len(exam.questions)} questions: fp32 {seconds['fp32']:.1f} s, int8 "
        f"{seconds['int8']:.1f} s of CPU, {seconds['fp32'] / seconds['int8']:.2f}x; scores differ "
        f"by {apart.mean():.3f} on average, {apart.max():.3f} at most; equal rankings "
        f"{np.mean((orders[0] == orders[1]).all(axis=1)):.0%}, equal best option "
        f"{np.mean(orders[0][:, 0] == orders[1][:, 0]):.0%}; MAP@3 fp32 {scores[0]:.3f}, "
        f"int8 {scores[1]:.3f}",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare both precisions on random or real weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=sorted(sizes(1)), default="gemma-3-270m")
    parser.add_argument("--layers", type=int, help="layers, with random weights")
    parser.add_argument("--model", help="a local folder, for real weights")
    parser.add_argument("--data", default=str(sample.EXAM_PATH), help="exam, with --model")
    parser.add_argument("--templates", default="letters,options", help="with --model")
    parser.add_argument("--limit", type=int, default=4, help="questions")
    parser.add_argument("--step", type=int, default=4, help="questions per turn, with --model")
    parser.add_argument("--length", type=int, default=400, help="tokens of context, or per prompt")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3, help="with random weights")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    if args.model:
        compare_exam(args.model, args)
        return
    with tempfile.TemporaryDirectory() as folder:
        save_random(sizes(args.layers)[args.size], Path(folder))
        print(f"random weights, sizes of {args.size}, {args.layers or 'all'} layers, "
              f"{args.limit} questions, {args.threads} threads")  # fmt: skip
        compare_random(folder, args)


if __name__ == "__main__":
    main()
