"""Load on `llmexam serve`: 50 clients that try `lexical` at the same time, for a minute.

    python benchmarks/bench_serve_load.py [--clients 50] [--seconds 60]

Every client sends one question after the other to a real server on the loopback address, with
retrieval from the index of the sample corpus, and reads the whole answer. The same clients and
questions then go to what a user would write instead: a FastAPI endpoint that retrieves passages and
calls `lx.solve` for each request, with the index and the solver kept open. Both run in a process of
their own, one after the other, on the same cores as the clients.

Printed: requests, errors, requests per second, and the time of an answer (median, p95, p99).
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import llmexam as lx

Headers = dict[str, str]
_COUNT = itertools.count()
TOKEN = "a-token-of-the-benchmark"
ENDPOINT = """
import sys
from dataclasses import asdict
from fastapi import FastAPI
from pydantic import BaseModel
import uvicorn
import llmexam as lx
from llmexam.evaluation.calibration import softmax
from llmexam.evidence.retriever import attach_passages
from llmexam.retrieval.search import open_retriever

class Asked(BaseModel):
    prompt: str
    options: list[str]

app = FastAPI()
retriever = open_retriever(sys.argv[1])
solver = lx.LexicalSolver()

@app.post("/solve")
def solve(asked: Asked):
    exam = lx.Exam((lx.Question("q", asked.prompt, tuple(asked.options)),))
    exam = attach_passages(exam, retriever)
    scores = lx.solve(exam, solver, workers=1)
    reasons = solver.explain(exam.questions)[0]
    return {
        "ranking": scores.ranking[0].tolist(),
        "scores": scores.values[0].tolist(),
        "probabilities": softmax(scores)[0].tolist(),
        "reasons": [asdict(one) for one in reasons.options],
        "passages": [one.text for one in exam[0].passages],
    }

uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


class Clients:
    """Clients that send questions to a server until the time is over."""

    def __init__(self, port: int, path: str, questions: list[str], headers: Headers) -> None:
        self.port, self.path = port, path
        self.questions, self.headers = questions, headers
        self.times: list[float] = []
        self.errors: list[str] = []
        self.n_together: list[int] = []

    def run(self, n: int, seconds: float) -> float:
        """Run n clients; return the time in seconds."""
        start = time.perf_counter()
        threads = [
            threading.Thread(target=self._client, args=(i, start + seconds)) for i in range(n)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    def _client(self, number: int, end: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        place = number
        while time.perf_counter() < end:
            # Each question is asked once, so that no cache answers it.
            body = self.questions[place % len(self.questions)].replace("NUMBER", str(next(_COUNT)))
            place += 7
            start = time.perf_counter()
            try:
                connection.request("POST", self.path, body, self.headers)
                answer = connection.getresponse()
                found = json.loads(answer.read())
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
                continue
            if answer.status != 200 or not found["ranking"]:
                self.errors.append(f"status {answer.status}: {found}")
                continue
            self.times.append(time.perf_counter() - start)
            self.n_together.append(found.get("n_together", 1))
        connection.close()


def share(times: list[float], part: float) -> float:
    """Return a quantile in milliseconds."""
    return 1000 * sorted(times)[min(len(times) - 1, int(part * len(times)))]


def report(name: str, clients: Clients, seconds: float) -> float:
    """Print a line, and return the requests per second."""
    rate = len(clients.times) / seconds
    together = sum(clients.n_together) / max(1, len(clients.n_together))
    print(
        f"{name:<34} {len(clients.times):>7,} {len(clients.errors):>6} {rate:>8.1f} "
        f"{share(clients.times, 0.5):>8.1f} {share(clients.times, 0.95):>8.1f} "
        f"{share(clients.times, 0.99):>8.1f} {together:>9.1f}"
    )
    for error in clients.errors[:3]:
        print("   ", error)
    return rate


def wait_for(port: int) -> None:
    """Wait until a server answers."""
    for _ in range(600):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


def free_port() -> int:
    """Return a port that nobody listens on."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args()
    exam = lx.read_exam("bundled")
    plain = [{"prompt": f"{one.prompt} (NUMBER)", "options": list(one.options)} for one in exam]
    ours = [{**one, "solver": "lexical", "indexes": ["wiki"]} for one in plain]
    print(
        f"{asked.clients} clients, {asked.seconds:g} s each, {len(exam)} questions, "
        f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}"
    )
    head = ("requests", "errors", "per s", "p50 ms", "p95 ms", "p99 ms", "together")
    print(f"{'':<34} {head[0]:>7} {head[1]:>6} {head[2]:>7} {head[3]:>8}", *head[4:], sep="  ")
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "wiki"
        lx.build_index("bundled", index, kind="sparse")
        port = free_port()
        served = [sys.executable, "-m", "llmexam", "serve", folder, "--port", str(port)]
        headers = {"Content-Type": "application/json"}
        bearer = {**headers, "Authorization": f"Bearer {TOKEN}"}
        rate = _measure("llmexam serve", served, port, "/api/solve", ours, bearer, asked)
        port = free_port()
        own = [sys.executable, "-c", ENDPOINT, str(index), str(port)]
        other = _measure(
            "FastAPI, one solve per request", own, port, "/solve", plain, headers, asked
        )
    print(f"llmexam serve answers {rate / other:.2f} times as many requests")


def _measure(
    name: str,
    command: list[str],
    port: int,
    path: str,
    questions: list[dict[str, object]],
    headers: Headers,
    asked: argparse.Namespace,
) -> float:
    environment = {**os.environ, "LLMEXAM_SERVE_TOKEN": TOKEN}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    try:
        wait_for(port)
        bodies = [json.dumps(one) for one in questions]
        # Loading is not load.
        Clients(port, path, bodies, headers).run(2, 2)
        clients = Clients(port, path, bodies, headers)
        return report(name, clients, clients.run(asked.clients, asked.seconds))
    finally:
        process.terminate()
        process.wait(20)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor()


if __name__ == "__main__":
    main()
