"""Score 20,000 questions with two Ray workers, with two local processes, and with kills.

The ratio is time with Ray / time of `solve` with two processes, for the same questions in the same
run; the start of Ray is shown apart. Then a worker is killed every few seconds, and the scores must
be the same bytes.

    python benchmarks/bench_ray.py [--questions N] [--repeat N] [--kill-runs N] [--kill-every S]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path

import psutil

from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.lexical.solver import LexicalSolver
from llmexam.solvers.scoring import solve
from llmexam.solvers.sharded import SHARD_QUESTIONS, score_in_shards
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.folder import delete_shards

_WORKERS = 2
_PASSAGES = 4


def make_exam(n_questions: int, seed: int) -> Exam:
    """Return questions with four passages each: their own, and those of three others."""
    shared = Path(os.environ.get("LLMEXAM_SHARED_DATA", "")) / "mcq/sciq_train_valid.jsonl"
    rng = random.Random(seed)
    source = read_exam(shared if shared.is_file() else "bundled")
    base = [
        (one, " ".join(p.text for p in one.passages) or " ".join((one.prompt, *one.options)))
        for one in source
    ]
    print(f"questions recombined from {len(base):,} of {source.source}")
    texts = [text for _, text in base]
    questions = []
    for number in range(n_questions):
        one, text = base[number % len(base)]
        others = rng.sample(texts, _PASSAGES - 1)
        passages = tuple(Passage(known) for known in (text, *others))
        questions.append(Question(f"q{number}", one.prompt, one.options, one.answer, passages))
    return Exam(tuple(questions))


def with_cluster(exam: Exam, cluster: Cluster, folder: Path) -> ScoreMatrix:
    """Return the scores, computed in shards that did not exist before."""
    scores = score_in_shards(exam.questions, LexicalSolver(), cluster, folder, name="lexical")
    delete_shards(folder)
    return scores


def timed(compute: object, *arguments: object) -> tuple[float, ScoreMatrix]:
    """Return the seconds of a call, and its result."""
    begin = time.perf_counter()
    found: ScoreMatrix = compute(*arguments)  # type: ignore[operator]
    return time.perf_counter() - begin, found


def compare(exam: Exam, repeat: int, folder: Path) -> bytes:
    """Print the times of both, one after the other, and return the scores as bytes."""
    local, files, ray, started = [], [], [], []
    for turn in range(repeat):
        seconds, alone = timed(lambda: solve(exam, LexicalSolver(), workers=_WORKERS))
        local.append(seconds)
        with Cluster("processes", workers=_WORKERS) as cluster:
            seconds, scores = timed(with_cluster, exam, cluster, folder / "processes")
        files.append(seconds)
        assert scores.values.tobytes() == alone.values.tobytes()
        with Cluster("local", workers=_WORKERS) as cluster:
            begin = time.perf_counter()
            cluster.backend.n_workers()
            started.append(time.perf_counter() - begin)
            seconds, scores = timed(with_cluster, exam, cluster, folder / "ray")
        ray.append(seconds)
        assert scores.values.tobytes() == alone.values.tobytes()
        print(
            f"run {turn + 1}: two processes {local[-1]:.1f} s, processes with shards "
            f"{files[-1]:.1f} s, Ray {ray[-1]:.1f} s (and {started[-1]:.1f} s to start)",
            flush=True,
        )
    base = statistics.median(local)
    for name, times in (("processes with shards", files), ("Ray", ray)):
        print(f"{name} / two processes: {statistics.median(times) / base:.3f}")
    both = statistics.median([one + start for one, start in zip(ray, started, strict=True)])
    print(f"Ray with its start / two processes: {both / base:.3f}")
    return alone.values.tobytes()


class Killer:
    """Kills a Ray worker of this program's own cluster every few seconds."""

    def __init__(self, every: float, seed: int) -> None:
        self._every = every
        self._rng = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.n_killed = 0

    def __enter__(self) -> Killer:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            workers = [
                one
                for one in psutil.Process().children(recursive=True)
                if one.name().startswith("ray::perform")
            ]
            if workers:
                os.kill(self._rng.choice(workers).pid, signal.SIGKILL)
                self.n_killed += 1


def campaign(exam: Exam, expected: bytes, n_runs: int, every: float, folder: Path) -> None:
    """Print how often workers were killed, what it cost, and whether anything was lost."""
    n_shards = -(-len(exam) // SHARD_QUESTIONS)
    n_lost = n_killed = n_again = 0
    for run in range(n_runs):
        told: list[str] = []
        with Cluster("local", told.append, workers=_WORKERS) as cluster:
            cluster.backend.n_workers()
            with Killer(every, run) as killer:
                seconds, scores = timed(with_cluster, exam, cluster, folder / "killed")
        is_equal = scores.values.tobytes() == expected and len(scores) == len(exam)
        n_lost += not is_equal
        n_retries = sum("attempt" in one for one in told)
        n_killed += killer.n_killed
        n_again += n_retries
        print(
            f"kill run {run + 1}: {killer.n_killed} workers killed, {n_retries} of {n_shards} "
            f"shards computed again, {seconds:.1f} s, {'equal' if is_equal else 'LOST'}",
            flush=True,
        )
    print(f"{n_runs} runs with kills: {n_killed} killed, {n_again} shards again, {n_lost} lost")


def main() -> None:
    """Run the comparison and the kills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kill-runs", type=int, default=20)
    parser.add_argument("--kill-every", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    exam = make_exam(given.questions, given.seed)
    with tempfile.TemporaryDirectory(prefix="bench-ray-") as name:
        folder = Path(name)
        if given.repeat:
            expected = compare(exam, given.repeat, folder)
        else:
            expected = solve(exam, LexicalSolver(), workers=_WORKERS).values.tobytes()
        if given.kill_runs:
            campaign(exam, expected, given.kill_runs, given.kill_every, folder)


if __name__ == "__main__":
    main()
