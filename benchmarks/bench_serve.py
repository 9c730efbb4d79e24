"""Measure the pages over a folder of runs: a long run, and many runs.

    python benchmarks/bench_serve.py [--questions 14042] [--runs 500] [--run FOLDER] [--seed 0]

A run of `lexical` on a generated exam with passages is opened and filtered over HTTP by a server
that was just started, so that nothing of it is in its memory ("first"), and again ("next"). Beside
it stands what a script takes to read the same run with the functions of the library: exam with
passages, scores and explanations. Then a folder with many runs is listed, likewise. Each figure is
the median of 5 servers. With --run, a run that was made before is used instead of a new one.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from llmexam.exam.parsers import read_exam
from llmexam.sample import exam_path
from llmexam.workflows.run.pipeline import run_plan

N_SERVERS = 5
SERVE = """
import sys, uvicorn
from llmexam.web.app import make_app
from llmexam.workflows.browse.workspace import Workspace
uvicorn.run(make_app(Workspace(sys.argv[1])), port=int(sys.argv[2]), log_level="critical")
"""
READ = """
import sys, time
from pathlib import Path
from llmexam.exam.parsers import read_exam
from llmexam.exam.score_files import read_scores
from llmexam.stages.stage import StageContext
from llmexam.tasks.multiple_choice.answers import load_explanations
folder = Path(sys.argv[1])
start = time.perf_counter()
exam = read_exam(folder / "evidence.jsonl")
scores = read_scores(folder / "scores/lexical.parquet")
load_explanations(StageContext(folder), file="explanations/lexical.json")
found = [q for q in exam if "light" in (q.prompt + " ".join(q.options)).casefold()]
print(time.perf_counter() - start)
"""


def make_exam(path: Path, n: int, seed: int) -> None:
    """Write an exam of n questions: those of the sample, numbered, with shuffled options."""
    draw = random.Random(seed)
    sample = list(read_exam(exam_path("bundled")))
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            question = draw.choice(sample)
            key = question.options[question.answer or 0]
            options = [key, *[one for one in question.options if one != key][:3]]
            draw.shuffle(options)
            values = {
                "id": str(number),
                "prompt": f"Variant {number}: {question.prompt}",
                "options": options,
                "answer": "ABCD"[options.index(key)],
                "subject": f"subject {draw.randrange(57)}",
            }
            file.write(json.dumps(values) + "\n")


def make_run(folder: Path, n: int, seed: int) -> Path:
    """Run `lexical` on a generated exam, with passages of the bundled corpus."""
    make_exam(folder / "exam.jsonl", n, seed)
    plan = {
        "exam": str(folder / "exam.jsonl"),
        "evidence": {"corpus": ["bundled"]},
        "solvers": ["lexical"],
        "seed": seed,
    }
    run_plan(plan, folder / "run")
    return folder / "run"


def make_many(folder: Path, n: int) -> Path:
    """Make n runs of a week: the small files of one real run, in seven folders."""
    run_plan({"exam": "bundled", "solvers": ["lexical"]}, folder / "one")
    for number in range(n):
        target = folder / "many" / f"day-{number % 7}" / f"run-{number}"
        (target / "stages").mkdir(parents=True)
        for name in ("run.json", "plan.yaml", "metrics.json"):
            shutil.copy(folder / "one" / name, target / name)
    return folder / "many"


class Server:
    """A server of its own process over a folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        command = [sys.executable, "-c", SERVE, str(folder), str(self._port)]
        self._process = subprocess.Popen(command)
        while True:
            try:
                self.ask("/static/site.css")
                return
            except ConnectionRefusedError:
                time.sleep(0.05)

    def ask(self, path: str, **query: str) -> tuple[float, str]:
        """Return the seconds of a request, and the answer."""
        start = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("GET", f"{path}?{urlencode(query)}" if query else path)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8")
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{path}: status {answer.status}\n{text[:500]}")
        return time.perf_counter() - start, text

    def end(self) -> None:
        """Stop the process."""
        self._process.terminate()
        self._process.wait()


def measure(
    folder: Path, requests: dict[str, tuple[str, dict[str, str]]]
) -> dict[str, list[float]]:
    """Return the seconds of each request, in order, by a fresh server each time."""
    found: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(N_SERVERS):
        server = Server(folder)
        try:
            for name, (path, query) in requests.items():
                found[name].append(server.ask(path, **query)[0])
        finally:
            server.end()
    return found


def show(found: dict[str, list[float]]) -> None:
    """Print the median and the largest of each figure."""
    for name, seconds in found.items():
        print(f"{name:<44}{median(seconds):>8.3f} s{max(seconds):>9.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=14_042)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        run = given.run or make_run(folder, given.questions, given.seed)
        id = run.name
        n = json.loads((run / "run.json").read_text("utf-8"))["exam"]["n_questions"]
        print(f"{f'a run of {n:,} questions':<44}{'median':>10}{'largest':>11}")
        found = measure(
            run.parent,
            {
                "open its questions, first": ("/questions", {"run": id}),
                "open its report, next": ("/run", {"run": id}),
                "filter: wrong, by margin": (
                    "/questions",
                    {"run": id, "mark": "wrong", "sort": "margin"},
                ),
                "search two words": ("/questions", {"run": id, "q": "light milk"}),
                "search in passages, first": (
                    "/questions",
                    {"run": id, "q": "light", "passages": "1"},
                ),
                "one question": ("/question", {"run": id, "n": str(n // 2), "mark": "wrong"}),
            },
        )
        show(found)
        show(measure(run.parent, {"open its report, first": ("/run", {"run": id})}))
        command = [sys.executable, "-c", READ, str(run)]
        reads = [float(subprocess.check_output(command)) for _ in range(N_SERVERS)]
        show({"a script with the library's readers": reads})
        ratio = median(reads) / median(found["open its questions, first"])
        print(f"opening the questions is {ratio:.1f} times as fast as the script\n")
        many = make_many(folder, given.runs)
        print(f"{f'{given.runs} runs':<44}{'median':>10}{'largest':>11}")
        listed = {"list them, first": ("/", {}), "list them, next": ("/", {})}
        show(measure(many, {**listed, "search": ("/", {"q": "run-42"})}))


if __name__ == "__main__":
    main()
