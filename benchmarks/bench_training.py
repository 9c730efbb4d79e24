"""Compare our training of multiple-choice readers with the Trainer of transformers.

Run: python benchmarks/bench_training.py [--data exam.csv] [--rows 400] [--steps 20] [--rounds 2]
         [--precisions fp32] [--eager]

Both train the same weights (MiniLM with the head of `AutoModelForMultipleChoice`) on the same rows,
tokens, batch size, learning rate and optimizer. The reference follows the documentation of
transformers: rows tokenized in advance, `DataCollatorForMultipleChoice`, `Trainer`. First, both
take the same questions in the same order without dropout, and the losses are printed side by side.
Then each trains in its own order with the model's dropout, alternately, and is timed. The first
step of each is not counted. Without a file, the rows are those of the bundled sample, repeated.
The reference has the defaults of the Trainer (fused AdamW, attention by `sdpa`); with `--eager` it
is timed with transformers' own attention as well. Its `group_by_length` is not tried: it measures
the number of options of such rows, not their tokens.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.data.data_collator import DataCollatorForMultipleChoice
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import SaveStrategy

from llmexam import sample
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.loop import ChoiceTrainer
from llmexam.training.multiple_choice.model import load_trainee
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.variation import vary

N_WARM = 1


class Watch(transformers.TrainerCallback):
    """Keeps when each step ended, and its loss."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []
        self.losses: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the time."""
        self.ends.append((time.perf_counter(), time.process_time()))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kw: Any) -> None:
        """Keep the loss."""
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))

    @property
    def seconds(self) -> tuple[float, float]:
        """Seconds of the steps that count: by the clock, and of processors."""
        (start, busy), (end, busy_after) = self.ends[N_WARM - 1], self.ends[-1]
        return end - start, busy_after - busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="exam file with evidence; the bundled sample if not given")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--evidence", default="sentences", choices=["none", "whole", "sentences"])
    parser.add_argument("--times-only", action="store_true", help="do not compare losses")
    parser.add_argument(
        "--precisions", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16"]
    )
    parser.add_argument("--eager", action="store_true", help="stock with eager attention, too")
    parser.add_argument("--freeze-embeddings", action="store_true", help="ours alone, told apart")
    arguments = parser.parse_args()
    exam = read_rows(arguments.data, arguments.rows)
    print(f"{torch.get_num_threads()} threads, {os.cpu_count()} cores, {len(exam)} questions")
    warnings.filterwarnings("ignore", module="transformers|torch")
    if not arguments.times_only:
        compare_losses(exam, settings_of(arguments, "fp32", dropout=0.0))
    compare_times(exam, arguments)


def read_rows(path: str | None, n_rows: int) -> Exam:
    """Return questions with evidence, repeated under other ids where there are too few."""
    exam = read_exam(path or sample.EXAM_PATH)
    n_times = -(-n_rows // len(exam)) if path is None else 1
    copies = [replace(q, id=f"{q.id}-{i}") for i in range(n_times) for q in exam]
    return Exam(tuple(q for q in copies if q.answer is not None)[:n_rows])


def settings_of(arguments: Any, precision: str, **more: Any) -> MultipleChoiceTrainingSettings:
    values = {
        "head": "native",
        "batch_size": arguments.batch_size,
        "max_steps": arguments.steps,
        "learning_rate": 5e-5,
        "precision": precision,
        "device": "cpu",
        "log_every": 1,
        "drop_repeats": False,
        "encoding": {"max_tokens": arguments.max_tokens, "evidence": arguments.evidence},
        **more,
    }
    return MultipleChoiceTrainingSettings.parse(values, subject="benchmark")


def compare_losses(exam: Exam, settings: MultipleChoiceTrainingSettings) -> None:
    """Train both on the same questions in the same order, and show the losses."""
    ours, order = run_ours(exam, settings)
    stock = run_stock(exam, settings, order)
    print("\nsame questions, same order, no dropout, fp32: loss by step")
    print("  step   stock    ours     difference")
    pairs = list(zip(stock.losses, ours.losses, strict=True))
    for step, (theirs, own) in enumerate(pairs, 1):
        print(f"  {step:4d}   {theirs:.5f}  {own:.5f}  {own - theirs:+.1e}")
    print(f"  largest difference {max(abs(a - b) for a, b in pairs):.1e}")


def compare_times(exam: Exam, arguments: Any) -> None:
    """Train each in its own order, in turns, and show questions a second."""
    arms: dict[str, list[tuple[float, float]]] = {}
    for _ in range(arguments.rounds):
        for precision in arguments.precisions:
            settings = settings_of(arguments, precision)
            arms.setdefault(f"stock {precision}", []).append(run_stock(exam, settings).seconds)
            if arguments.eager:
                eager = run_stock(exam, settings, attention="eager").seconds
                arms.setdefault(f"stock {precision}, eager attention", []).append(eager)
            arms.setdefault(f"ours {precision}", []).append(run_ours(exam, settings)[0].seconds)
            if arguments.freeze_embeddings:
                frozen = settings_of(arguments, precision, freeze_embeddings=True)
                name = f"ours {precision}, embeddings frozen"
                arms.setdefault(name, []).append(run_ours(exam, frozen)[0].seconds)
    n_questions = (arguments.steps - N_WARM) * arguments.batch_size
    print(f"\nown order, model's dropout: best of {arguments.rounds}, {n_questions} questions")
    first_name = f"stock {arguments.precisions[0]}"
    for unit, place in (("by the clock", 0), ("of processor time", 1)):
        print(
            f"  questions a second {unit}; against stock at the same precision, and in "
            f"{arguments.precisions[0]}"
        )
        best = {name: min(run[place] for run in runs) for name, runs in arms.items()}
        for name, seconds in best.items():
            same = best[f"stock {name.split()[1].rstrip(',')}"] / seconds
            first = best[first_name] / seconds
            print(f"    {name:32s} {n_questions / seconds:7.2f}   x{same:.2f}   x{first:.2f}")


def run_ours(
    exam: Exam, settings: MultipleChoiceTrainingSettings
) -> tuple[Watch, list[tuple[int, list[int]]]]:
    """Train ours; return the times and the questions of all steps with the order of options."""
    transformers.set_seed(settings.seed)
    trainee = load_trainee(settings)
    data = ChoiceData(exam, settings, trainee.tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        trainer = ChoiceTrainer(trainee, data, settings, Path(folder))
        steps = trainer.plan.steps(0)
        watch = train(trainer)
    order = [
        (int(row), vary(5, int(data.answers[row]), settings, epoch=0, row=int(row)).order.tolist())
        for step in steps
        for row in step
    ]
    return watch, order


def run_stock(
    exam: Exam,
    settings: MultipleChoiceTrainingSettings,
    order: list[tuple[int, list[int]]] | None = None,
    attention: str = "sdpa",
) -> Watch:
    """Train the stock Trainer, in a given order or in its own."""
    transformers.set_seed(settings.seed)
    trainee = load_trainee(settings)
    trainee.reader.model.set_attn_implementation(attention)
    data = ChoiceData(exam, settings, trainee.tokenizer)
    rows = [features(data, row, options) for row, options in order or plain_order(exam)]
    with tempfile.TemporaryDirectory() as folder:
        ours = ChoiceTrainer(trainee, data, settings, Path(folder))
        arguments = ours.args
        if order is not None:
            arguments.train_sampling_strategy = "sequential"
        # `reader.model` is a plain AutoModelForMultipleChoice; without this its loss is scaled
        # wrongly with accumulation, which is not used here.
        trainer = transformers.Trainer(
            trainee.reader.model,
            arguments,
            train_dataset=rows,
            data_collator=DataCollatorForMultipleChoice(tokenizer=trainee.tokenizer),
        )
        return train(trainer)


def plain_order(exam: Exam) -> list[tuple[int, list[int]]]:
    return [(row, list(range(len(question.options)))) for row, question in enumerate(exam)]


def features(data: ChoiceData, row: int, options: list[int]) -> dict[str, Any]:
    """Return a row as transformers' collator wants it."""
    first = int(data.read.first[row])
    tokens = [data.read.tokens(first + option) for option in options]
    return {
        "input_ids": [ids.tolist() for ids, _ in tokens],
        "token_type_ids": [types.tolist() for _, types in tokens],
        "attention_mask": [[1] * len(ids) for ids, _ in tokens],
        "label": options.index(int(data.answers[row])),
    }


def train(trainer: transformers.Trainer) -> Watch:
    watch = Watch()
    trainer.args.save_strategy = SaveStrategy.NO
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(watch)
    trainer.train()
    return watch


if __name__ == "__main__":
    main()
