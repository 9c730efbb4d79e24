"""Compare the scoring of readers with sentence-transformers and transformers.

Run: python benchmarks/bench_reader_scoring.py [--data exam.csv] [--model FOLDER] [--limit 40]

All use the same weights, rows and maximum number of tokens. They run alternately in one process, so
that other load slows all; the best round of each counts, including tokenization. Without `--model`,
the head is random: this is sufficient for timing, but near ties change their order in int8, so
MAP@3 is not meaningful. `--model` is a reader trained with `llmexam train`. A reader with a mean
head is compared only with its own fp32 scores, because the other libraries cannot load it.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from sentence_transformers import CrossEncoder

from llmexam import sample
from llmexam.errors import ModelError
from llmexam.evaluation.metrics import map_at_k
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard, read_card, write_card
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, resolve_model
from llmexam.lm.readers.exporting import export_reader, origin_of
from llmexam.lm.readers.heads import HeadKind
from llmexam.lm.readers.reader import load_reader
from llmexam.lm.readers.sequence_scoring import load_sequence_scorer
from llmexam.lm.readers.text_pairs import encode_pairs
from llmexam.solvers.readers.encoding import EncodingSettings, option_pairs

# The scripts of this folder are run from it or by path, so its modules can be imported.
from bench_embedding import processor_name  # isort: skip

Score = Callable[[], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(sample.EXAM_PATH), help="exam, best with contexts")
    parser.add_argument("--model", help="trained reader")
    parser.add_argument("--limit", type=int, help="only this many questions")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="threads of torch")
    parser.add_argument("--bf16", action="store_true", help="also in bf16, ours and theirs")
    parser.add_argument("--openvino", action="store_true", help="also by OpenVINO")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    exam = Exam(read_exam(arguments.data).questions[: arguments.limit])
    with tempfile.TemporaryDirectory() as work:
        folder = prepare(arguments.model, Path(work) / "reader")
        card = read_card(folder.path)
        settings = EncodingSettings.parse(card.encoding if card else {}, subject="the card")
        runs = our_runs(exam, folder, settings, Path(work), arguments)
        if head_of(folder) == "native":
            # The others know nothing of a head over mean vectors.
            runs |= their_runs(exam, folder, settings, Path(work), bf16=arguments.bf16)
        report(exam, runs, arguments.rounds)


def prepare(model: str | None, target: Path) -> ModelFolder:
    """Return a reader with a native head: the one given, or bundled weights with a seeded one."""
    if model is not None:
        return resolve_model(model)
    body = resolve_model()
    load_reader(body, head="native", new_head=True).save(target)
    load_tokenizer(body).save_pretrained(str(target))
    hashed = body.weights_hash
    write_card(
        target,
        ModelCard(family="multiple-choice", base_model=body.name, base_weights_hash=hashed),
    )
    return resolve_model(str(target))


def our_runs(
    exam: Exam, folder: ModelFolder, settings: EncodingSettings, work: Path, arguments: Any
) -> dict[str, Score]:
    tokenizer = load_tokenizer(folder)
    head = head_of(folder)
    scorers = {"ours, fp32": load_sequence_scorer(folder, head=head, precision="fp32")}
    with contextlib.suppress(ModelError):  # the processor or the architecture has no int8
        scorers["ours, int8"] = load_sequence_scorer(folder, head=head, precision="int8")
    if arguments.bf16:
        scorers["ours, bf16"] = load_sequence_scorer(folder, head=head, precision="bf16")
    for backend in ["onnx-int8", *(["openvino"] if arguments.openvino else [])]:
        target = work / backend
        target.mkdir()
        reader = load_reader(folder, head=head)
        files = export_reader(reader, backend, target)
        reader.config.save_pretrained(str(target))
        origin = origin_of(reader, backend, folder.weights_hash, files)
        card = read_card(folder.path)
        write_card(target, card.model_copy(update={"export": origin}))
        scorers[f"ours, {backend}"] = load_sequence_scorer(resolve_model(str(target)), head=head)

    def run(scorer: Any) -> np.ndarray:
        pairs = [pair for question in exam for pair in option_pairs(question, settings)]
        return scorer.score(encode_pairs(pairs, tokenizer, settings.max_tokens))[:, 0]

    return {name: lambda scorer=scorer: run(scorer) for name, scorer in scorers.items()}


def head_of(folder: ModelFolder) -> HeadKind:
    card = read_card(folder.path)
    return "mean" if card is not None and card.head == "mean" else "native"


def their_runs(
    exam: Exam, folder: ModelFolder, settings: EncodingSettings, work: Path, *, bf16: bool
) -> dict[str, Score]:
    tokenizer = load_tokenizer(folder)
    cross = CrossEncoder(
        str(folder.path), max_length=settings.max_tokens, device="cpu", num_labels=1
    )
    choice = transformers.AutoModelForMultipleChoice.from_pretrained(
        str(folder.path), dtype=torch.float32
    )
    collate = transformers.DataCollatorForMultipleChoice(tokenizer)

    def by_cross_encoder(autocast: bool) -> np.ndarray:
        pairs = [pair for question in exam for pair in option_pairs(question, settings)]
        texts = [(pair.first, pair.second) for pair in pairs]
        with torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext():
            return cross.predict(
                texts, activation_fn=torch.nn.Identity(), show_progress_bar=False
            ).reshape(-1)

    def by_trainer(autocast: bool) -> np.ndarray:
        trainer = transformers.Trainer(
            choice,
            transformers.TrainingArguments(
                str(work / "trainer"),
                per_device_eval_batch_size=8,
                bf16_full_eval=False,
                bf16=autocast,
                use_cpu=True,
                report_to=[],
                disable_tqdm=True,
            ),
            data_collator=collate,
        )
        rows = []
        for question in exam:
            pairs = option_pairs(question, settings)
            tokens = tokenizer(
                [pair.first for pair in pairs],
                [pair.second for pair in pairs],
                truncation="only_first",
                max_length=settings.max_tokens,
            )
            rows.append({**tokens, "label": 0})
        return trainer.predict(rows).predictions.reshape(-1)

    runs: dict[str, Score] = {
        "CrossEncoder.predict, fp32": lambda: by_cross_encoder(False),
        "Trainer.predict, fp32": lambda: by_trainer(False),
    }
    if bf16:
        runs["CrossEncoder.predict, bf16"] = lambda: by_cross_encoder(True)
        runs["Trainer.predict, bf16"] = lambda: by_trainer(True)
    return runs


def report(exam: Exam, runs: dict[str, Score], n_rounds: int) -> None:
    best, cpu = dict.fromkeys(runs, np.inf), dict.fromkeys(runs, np.inf)
    logits: dict[str, np.ndarray] = {}
    for _ in range(n_rounds):
        for name, run in runs.items():
            start, busy = time.perf_counter(), time.process_time()
            logits[name] = np.asarray(run(), dtype=np.float32)
            best[name] = min(best[name], time.perf_counter() - start)
            cpu[name] = min(cpu[name], time.process_time() - busy)
    exact = logits["ours, fp32"]
    whole = map_at_k(ranking_of(exact, exam), exam.answers)
    print(f"{len(exam)} questions, {len(exact)} options, {torch.get_num_threads()} threads")
    print(f"processor: {processor_name()}, torch {torch.__version__}")
    print("CPU seconds are those of all threads: on a busy machine they say more than the clock.")
    print(f"{'':28}{'seconds':>9}{'q/s':>8}{'CPU s':>8}{'largest diff':>14}{'MAP@3':>8}{'less':>8}")
    for name, values in logits.items():
        found = map_at_k(ranking_of(values, exam), exam.answers)
        print(
            f"{name:28}{best[name]:9.2f}{len(exam) / best[name]:8.2f}{cpu[name]:8.2f}"
            f"{np.abs(values - exact).max():14.1e}{found:8.4f}{whole - found:8.4f}"
        )
    for mine in (name for name in runs if name.startswith("ours")):
        for theirs in (name for name in runs if not name.startswith("ours")):
            print(
                f"{mine} is {best[theirs] / best[mine]:.2f} times as fast as {theirs} "
                f"({cpu[theirs] / cpu[mine]:.2f} in CPU seconds)"
            )


def ranking_of(logits: np.ndarray, exam: Exam) -> np.ndarray:
    ends = np.cumsum([len(question.options) for question in exam])[:-1]
    ids = [question.id for question in exam]
    return ScoreMatrix.from_rows(ids, np.split(logits, ends)).ranking


if __name__ == "__main__":
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    main()
