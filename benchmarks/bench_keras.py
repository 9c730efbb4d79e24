"""Compare the training of multiple-choice readers with Keras, on torch and JAX, with our Trainer.

Run: python benchmarks/bench_keras.py [--rounds 3] [--steps 2] [--cores 2] [--memory-steps 500]

All three train the same weights (MiniLM with the head `mean`) on the same batch: questions whose
options all have the full length, in fp32, without dropout, with frozen embeddings, by AdamW. Each
runs in a process of its own, and they take turns. The first step of each is not counted; with JAX
it compiles the program. Processor time is printed beside the time by the clock, because it differs
less on a busy machine. Then each Keras training takes many steps with short texts, and its memory
after 50 steps is compared with that at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

REFERENCE = "multiple-choice"
ARMS = {REFERENCE: "", "keras-choice on torch": "torch", "keras-choice on jax": "jax"}
GOALS = {"keras-choice on torch": 0.9, "keras-choice on jax": 0.7}
N_OPTIONS = 5
FIRST_MEMORY = 50
MB = 2**20
# Batches of the memory check: the memory that a step leaves does not depend on their size.
SHORT = {"batch_size": 2, "max_tokens": 32}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="steps of each in a round")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=160)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--memory-steps", type=int, default=100, help="0 leaves the check out")
    parser.add_argument("--only", choices=list(ARMS), nargs="+", default=list(ARMS))
    parser.add_argument("--profile", action="store_true", help="profile a step on torch")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    if arguments.arm is not None:
        serve(arguments)
        return
    arms = {name: Arm(name, arguments) for name in arguments.only}
    try:
        compare(arms, arguments)
    finally:
        for arm in arms.values():
            arm.close()


def compare(arms: dict[str, Arm], arguments: argparse.Namespace) -> None:
    """Take the steps in turns, and print times, ratios and memory."""
    print(
        f"{arguments.batch_size} questions x {N_OPTIONS} options x {arguments.max_tokens} tokens, "
        f"{arguments.cores} cores, load {os.getloadavg()[0]:.1f}"
    )
    for name, arm in arms.items():
        first = arm.ask(steps=1)
        compiled = first["compiled"]
        told = f", {compiled[0]} programs compiled in {compiled[1]:.1f} s" if compiled[0] else ""
        print(f"  {name}: first step {first['seconds']:.1f} s{told}, loss {first['loss']:.4f}")
    if arguments.profile:
        for arm in arms.values():
            print(arm.ask(profile=True, steps=1).get("profile", ""))
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in arms}
    for _ in range(arguments.rounds):
        for name, arm in arms.items():
            runs[name].append(arm.ask(steps=arguments.steps))
    n_questions = arguments.steps * arguments.batch_size
    for unit, key in (("by the clock", "seconds"), ("of processor time", "busy")):
        best = {name: min(run[key] for run in own) for name, own in runs.items()}
        print(f"\nquestions a second {unit}, best of {arguments.rounds} rounds")
        for name, seconds in best.items():
            line = f"  {name:22s} {n_questions / seconds:6.2f}"
            if name in GOALS and REFERENCE in best:
                line += f"   x{best[REFERENCE] / seconds:.2f} (goal {GOALS[name]})"
            print(f"{line}   {seconds / arguments.steps:.2f} s a step")
    if arguments.memory_steps:
        compare_memory(arms, arguments)


def compare_memory(arms: dict[str, Arm], arguments: argparse.Namespace) -> None:
    n_more = max(1, arguments.memory_steps - FIRST_MEMORY)
    print(f"\nmemory of the process after {FIRST_MEMORY} and {FIRST_MEMORY + n_more} short steps")
    for name, arm in arms.items():
        if name == REFERENCE:
            continue
        early = arm.ask(steps=FIRST_MEMORY, short=True)["memory"]
        late = arm.ask(steps=n_more, short=True)["memory"]
        print(f"  {name:22s} {early:.0f} MB, {late:.0f} MB ({late - early:+.0f})")


class Arm:
    """A process that trains in one of the ways.

    Args:
        name: The way, a key of `ARMS`.
        arguments: Those of the command.
    """

    def __init__(self, name: str, arguments: argparse.Namespace) -> None:
        sizes = ("batch_size", "max_tokens", "cores")
        given = [f"--{one.replace('_', '-')}={getattr(arguments, one)}" for one in sizes]
        threads = str(arguments.cores)
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "JAX_PLATFORMS": "cpu"}
        environment.pop("KERAS_BACKEND", None)
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--arm", name, *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        """Return what the process measured."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a process of the benchmark failed; its error is above")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve(arguments: argparse.Namespace) -> None:
    """Answer the commands of the benchmark, one a line."""
    # What libraries print goes to stderr, so that stdout has the answers only.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.filterwarnings("ignore")
    backend = ARMS[arguments.arm]
    trainings: dict[bool, Callable[[int], dict[str, Any]]] = {}
    for line in sys.stdin:
        command = json.loads(line)
        short = command.get("short", False)
        if short not in trainings:
            sizes = SHORT if short else vars(arguments)
            make = keras_training if backend else trainer_training
            trainings[short] = make(sizes["batch_size"], sizes["max_tokens"], backend)
        run = profiled if command.get("profile") and backend != "jax" else measured
        found = run(trainings[short], command["steps"])
        found["memory"] = psutil.Process().memory_info().rss / MB
        answers.write(json.dumps(found) + "\n")
        answers.flush()


def measured(train: Callable[[int], dict[str, Any]], n_steps: int) -> dict[str, Any]:
    return train(n_steps)


def profiled(train: Callable[[int], dict[str, Any]], n_steps: int) -> dict[str, Any]:
    """Train, and return the operations of torch that took the most time."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as found:
        told = train(n_steps)
    table = found.key_averages().table(sort_by="self_cpu_time_total", row_limit=18)
    return {**told, "profile": table}


def trainer_training(batch_size: int, max_tokens: int, backend: str) -> Callable[..., Any]:
    """Return a function that takes steps with the family `multiple-choice`."""
    import transformers
    from transformers.trainer_callback import PrinterCallback
    from transformers.trainer_utils import SaveStrategy

    from llmexam.training.multiple_choice.data import ChoiceData
    from llmexam.training.multiple_choice.loop import ChoiceTrainer
    from llmexam.training.multiple_choice.model import load_trainee
    from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings

    class Watch(transformers.TrainerCallback):
        """Times the steps."""

        def __init__(self) -> None:
            self.clock = Clock()

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.clock.start()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.clock.stop()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            self.clock.loss = float((logs or {}).get("loss", self.clock.loss))

    values = settings_of(batch_size, max_tokens)
    settings = MultipleChoiceTrainingSettings.parse(values, subject="benchmark")
    trainee = load_trainee(settings)
    exam = full_exam(batch_size)
    data = ChoiceData(exam, settings, trainee.tokenizer)
    require_full(data.read, max_tokens)

    def train(n_steps: int) -> dict[str, Any]:
        watch = Watch()
        with tempfile.TemporaryDirectory() as folder:
            own = settings.model_copy(update={"max_steps": n_steps})
            trainer = ChoiceTrainer(trainee, data, own, Path(folder))
            trainer.args.save_strategy = SaveStrategy.NO
            trainer.remove_callback(PrinterCallback)
            trainer.add_callback(watch)
            trainer.train()
        return watch.clock.told

    return train


def keras_training(batch_size: int, max_tokens: int, backend: str) -> Callable[..., Any]:
    """Return a function that takes steps with the family `keras-choice`."""
    from llmexam.lm.keras_models.backend import import_keras

    keras = import_keras(backend)  # type: ignore[arg-type]
    from llmexam.training.keras_base.compilations import counted_compilations
    from llmexam.training.keras_base.placement import placed
    from llmexam.training.keras_choice.settings import KerasChoiceTrainingSettings
    from llmexam.training.keras_choice.trainer import KerasChoiceTrainer

    class Watch(keras.callbacks.Callback):  # type: ignore[misc,name-defined]
        """Times the steps."""

        def __init__(self) -> None:
            super().__init__()
            self.clock = Clock()

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.clock.start()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.clock.stop()
            self.clock.loss = float(logs["loss"])

    values = {**settings_of(batch_size, max_tokens), "backend": backend}
    settings = KerasChoiceTrainingSettings.parse(values, subject="benchmark")
    with placed(settings):
        made = KerasChoiceTrainer(settings).prepare(full_exam(batch_size), None, 10**6)
    require_full(made.rows.read, max_tokens)

    def train(n_steps: int) -> dict[str, Any]:
        watch = Watch()
        with placed(settings), counted_compilations(backend) as compiled:
            made.model.fit(
                made.batches(0),
                steps_per_epoch=n_steps,
                epochs=1,
                verbose=0,
                shuffle=False,
                callbacks=[watch],
            )
        return {**watch.clock.told, "compiled": [compiled.n, compiled.seconds]}

    return train


class Clock:
    """Time from the beginning of the first step to the end of the last."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None
        self._ended = (0.0, 0.0)
        self.loss = 0.0

    def start(self) -> None:
        """Start the clock at the first step."""
        self._began = self._began or (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        """Keep the time of a step's end."""
        self._ended = (time.perf_counter(), time.process_time())

    @property
    def told(self) -> dict[str, Any]:
        """What a process answers."""
        assert self._began is not None
        seconds, busy = (end - start for start, end in zip(self._began, self._ended, strict=True))
        return {"seconds": seconds, "busy": busy, "loss": self.loss, "compiled": [0, 0.0]}


def settings_of(batch_size: int, max_tokens: int) -> dict[str, Any]:
    return {
        "batch_size": batch_size,
        "learning_rate": 5e-5,
        "schedule": "constant",
        "dropout": 0.0,
        "freeze_embeddings": True,
        "precision": "fp32",
        "device": "cpu",
        "log_every": 1,
        "option_order": "kept",
        "drop_repeats": False,
        "encoding": {"max_tokens": max_tokens, "evidence": "whole"},
    }


def full_exam(n_questions: int) -> Exam:
    """Return questions whose evidence is longer than any context."""
    said = "water flows down the hill because gravity pulls it . "
    options = tuple(f"option {i}" for i in range(N_OPTIONS))
    return Exam(
        tuple(
            Question(f"q{i}", f"question {i} ?", options, i % N_OPTIONS, (Passage(said * 60),))
            for i in range(n_questions)
        )
    )


def require_full(read: Any, max_tokens: int) -> None:
    """Check that all options have the full length, so that no trainer saves padding."""
    lengths = {int(end - start) for start, end in zip(read.ends, read.ends[1:], strict=False)}
    assert lengths == {max_tokens}, f"options have {lengths} tokens"


if __name__ == "__main__":
    main()
