"""Compare a training pass of a decoder, forward and backward, with plain transformers.

Both use the same random Llama, machine, precision and token ids. `answer` is the loss over the
tokens of the answer; the plain way (`labels`, as in trl's SFTTrainer) computes logits for every
token. `option-likelihood` is the softmax over five options; the plain way computes five rows.
Losses and gradients are compared before the timing.

    python benchmarks/bench_decoder_training.py --rounds 3
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from torch.nn import functional

from llmexam.lm.decoder import Continuation
from llmexam.training.base.losses import NO_LABEL
from llmexam.training.causal_lm.objective import total_loss
from llmexam.training.causal_lm.rows import collate
from llmexam.training.causal_lm.settings import Objective
from llmexam.training.prompts.examples import Example, Part

N_VOCABULARY = 32000
N_OPTIONS = 5


def make_model(width: int, layers: int) -> transformers.PreTrainedModel:
    """Return a random Llama."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=N_VOCABULARY,
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        max_position_embeddings=4096,
    )
    return transformers.AutoModelForCausalLM.from_config(config).train()


def make_examples(n: int, n_context: int, n_answer: int, n_options: int) -> list[Example]:
    """Return questions whose options share a context; lengths vary by a tenth."""
    rng = np.random.default_rng(0)

    def draw(mean: int) -> tuple[int, ...]:
        size = int(rng.integers(max(1, mean * 9 // 10), mean * 11 // 10 + 1))
        return tuple(int(token) for token in rng.integers(2, N_VOCABULARY, size))

    examples = []
    for _ in range(n):
        context = draw(n_context)
        requests = [Continuation(context + draw(n_answer), len(context)) for _ in range(n_options)]
        parts = tuple(Part(one, i, len(one.asked)) for i, one in enumerate(requests))
        examples.append(Example(parts, n_options, int(rng.integers(n_options))))
    return examples


def ours(model: Any, examples: Sequence[Example], objective: Objective) -> Tensor:
    """Return our loss of a pass."""
    batch = collate(examples, [True] * len(examples), by_token=objective == "answer")
    labels, asked = batch.pop("labels")[0, 1:], batch.pop("asked")
    logits = model(**batch, use_cache=False).logits
    return total_loss(objective)(logits, labels, asked) / (labels != NO_LABEL).sum()


def stock(model: Any, examples: Sequence[Example], objective: Objective) -> Tensor:
    """Return the loss as transformers makes it of rows padded to the longest."""
    requests = [part.request for one in examples for part in one.parts]
    width = max(len(one.tokens) for one in requests)
    ids = torch.zeros(len(requests), width, dtype=torch.long)
    labels = torch.full_like(ids, NO_LABEL)
    for row, one in enumerate(requests):
        ids[row, : len(one.tokens)] = torch.tensor(one.tokens)
        labels[row, one.start : len(one.tokens)] = torch.tensor(one.asked)
    real = torch.tensor([[i < len(one.tokens) for i in range(width)] for one in requests]).long()
    if objective == "answer":
        loss: Tensor = model(input_ids=ids, attention_mask=real, labels=labels).loss
        return loss
    logits = model(input_ids=ids, attention_mask=real).logits[:, :-1].float()
    each = functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="none")
    lengths = (labels != NO_LABEL).sum(dim=1)
    scores = -each.view(len(requests), -1).sum(dim=1) / lengths
    answers = torch.tensor([one.answer for one in examples])
    return functional.cross_entropy(scores.view(len(examples), N_OPTIONS), answers)


def gradients(model: Any, loss: Tensor) -> list[Tensor]:
    """Return the gradients of a loss."""
    model.zero_grad()
    loss.backward()
    return [parameter.grad.clone() for parameter in model.parameters()]


def clock(model: Any, make_loss: Callable[..., Tensor], *asked: Any) -> float:
    """Return the seconds of a pass, forwards and backwards."""
    model.zero_grad()
    begin = time.perf_counter()
    make_loss(model, *asked).backward()
    return time.perf_counter() - begin


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a case: seconds, ratio, and how far losses and gradients are apart."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=4, help="questions of a pass")
    parser.add_argument("--rounds", type=int, default=3, help="passes of each, in turns")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    args = parser.parse_args(arguments)
    model = make_model(args.width, args.layers)
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    print(
        f"random Llama, {n_weights / 1e6:.0f} M weights, fp32, {args.questions} questions a pass, "
        f"{torch.get_num_threads()} threads"
    )
    cases: dict[Objective, list[Example]] = {
        "answer": make_examples(args.questions, 730, 2, 1),
        "option-likelihood": make_examples(args.questions, 730, 40, N_OPTIONS),
    }
    for objective, examples in cases.items():
        losses = [make(model, examples, objective) for make in (ours, stock)]
        apart = abs(losses[0].item() - losses[1].item())
        grads = [gradients(model, loss) for loss in losses]
        size = max(float(one.abs().max()) for one in grads[1])
        wide = max(float((a - b).abs().max()) for a, b in zip(*grads, strict=True)) / size
        seconds = {"ours": float("inf"), "stock": float("inf")}
        for _ in range(args.rounds):
            for name, make in (("ours", ours), ("stock", stock)):
                seconds[name] = min(seconds[name], clock(model, make, examples, objective))
        print(
            f"{objective:18} ours {seconds['ours']:6.2f} s, stock {seconds['stock']:6.2f} s: "
            f"{seconds['stock'] / seconds['ours']:.2f}x; loss apart by {apart:.1e}, "
            f"gradients by {wide:.1e} of the largest"
        )


if __name__ == "__main__":
    main()
