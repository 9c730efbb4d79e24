"""`llmexam serve` as a program: limits on connections, and the end while a request is under way."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

TOKEN = "a-token-of-the-tests-only"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
QUESTION = {"text": "Which? A) Mars B) Jupiter", "solver": "waiting"}
# A server with a solver that answers when a file appears, and short limits.
PROGRAM = """
import sys, time
from pathlib import Path
import llmexam.web.serving as serving
import llmexam.workflows.trial.trials as trials
from llmexam.workflows.trial.requests import Way
from llmexam.workflows.trial.solving import PreparedSolver
from llmexam.solvers.baselines.solver import FirstSolver
from llmexam.workflows.browse.workspace import Workspace
folder = Path(sys.argv[1])

class Waiting(FirstSolver):
    def score(self, questions):
        (folder / "began").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        return super().score(questions)

trials.check_solver_settings = lambda name, *rest: {}
trials.prepare = lambda way, workspace: PreparedSolver(way.name, {way.name: Waiting()})
serving.make_server.__kwdefaults__["header_seconds"] = 0.5
options = serving.ServeOptions(max_clients=4, max_queue=1)
serving.serve(Workspace(folder), options, tell=lambda line: print(line, flush=True))
print("ended", flush=True)
"""


class Server:
    def __init__(self, folder):
        self.folder = folder
        environment = {**os.environ, "LLMEXAM_SERVE_TOKEN": TOKEN}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.lines = [self.process.stdout.readline() for _ in range(3)]
        self.port = int(self.lines[0].rstrip("/\n").rpartition(":")[2])

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {**BEARER, "Content-Type": "application/json", **headers}
        connection.request(method, path, None if body is None else json.dumps(body), given)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, answer.headers

    def later(self, *args):
        found = []
        thread = threading.Thread(target=lambda: found.append(self.ask(*args)))
        thread.start()
        return thread, found


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    made = Server(folder)
    yield made
    (folder / "go").touch()
    made.process.kill()
    made.process.communicate()


@pytest.fixture
def server(running):
    """Return the server, whose solver waits for the file `go`."""
    for name in ("go", "began"):
        (running.folder / name).unlink(missing_ok=True)
    return running


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def waiting_is(server, n):
    return lambda: json.loads(server.ask("GET", "/api/queue")[1])["n_waiting"] == n


def test_a_client_that_goes_away_leaves_the_queue_and_a_slow_one_is_closed(server):
    running, _ = server.later("POST", "/api/solve", QUESTION)
    wait_for((server.folder / "began").exists)
    body = json.dumps(QUESTION).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        head = (
            f"POST /api/solve HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Authorization: {BEARER['Authorization']}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        client.sendall(head.encode() + body)
        wait_for(waiting_is(server, 1))
    wait_for(waiting_is(server, 0))

    # One byte at a time holds no connection for long.
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert slow.recv(100) == b""
    (server.folder / "go").touch()
    running.join(30)


def test_no_path_leads_out_of_the_folder(server):
    (server.folder / "go").touch()
    secret = Path(server.folder).parent / "secret.yaml"
    secret.write_text("exam: bundled\nsolvers: [lexical]\n")
    for path in (
        "/static/..%2f..%2fapp.py",
        "/try/..%2f..%2fsecret",
        "/label/..%2fsecret",
        "/api/trials/..%2fx",
    ):
        assert server.ask("GET", path)[0] == 404, path
    for fields in ({"plan": "../secret.yaml"}, {"plan": str(secret)}, {"indexes": [".."]}):
        status, text, _ = server.ask("POST", "/api/solve", {"text": "x?\na\nb", **fields})
        assert status == 400
        assert "in the folder that is served" in text
    status, text, _ = server.ask("POST", "/api/solve", {"text": "x?\na\nb", "model": "gpt"})
    assert (status, "model" in text) == (400, True)


def test_the_server_ends_after_the_request_that_is_under_way(server):
    assert TOKEN not in "".join(server.lines)
    running, first = server.later("POST", "/api/solve", QUESTION)
    wait_for((server.folder / "began").exists)
    waiting, second = server.later("POST", "/api/solve", QUESTION)
    wait_for(waiting_is(server, 1))
    # The queue holds one: the next is told how long it is.
    status, text, headers = server.ask("POST", "/api/solve", QUESTION)
    assert (status, headers["retry-after"]) == (503, "2")
    assert "questions waiting: 1" in text

    server.process.send_signal(signal.SIGTERM)
    waiting.join(30)
    assert second[0][0] == 503
    assert "stopping" in second[0][1]
    assert server.process.poll() is None
    (server.folder / "go").touch()
    running.join(30)
    assert first[0][0] == 200
    assert json.loads(first[0][1])["ranking"] == "AB"
    out, err = server.process.communicate(timeout=30)
    assert (server.process.returncode, out) == (0, "ended\n")
    assert TOKEN not in out + err
    assert "Traceback" not in err
