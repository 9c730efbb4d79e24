"""A real HTTP server on loopback that speaks as OpenAI's endpoint does, and fails as told."""

from __future__ import annotations

import json
import math
import re
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-very-secret-4711"


def options_of(prompt: str) -> list[str]:
    """Return the options that a prompt lists last, by what each line after its letter says."""
    listed = re.findall(r"^([A-Z])(?:[.)] |:)(.*)$", prompt, re.MULTILINE)
    first = max((i for i, (letter, _) in enumerate(listed) if letter == "A"), default=0)
    return [option for _, option in listed[first:]]


def liking(option: str) -> float:
    """Return how much the server's model likes an option, whatever its place."""
    return -(zlib.crc32(option.encode()) % 1000) / 100 - 0.01


def log_probabilities(options: Sequence[str]) -> list[float]:
    """Return the log-probabilities of the options' letters, which hold all probability."""
    likings = [liking(option) for option in options]
    whole = math.log(math.fsum(map(math.exp, likings)) or 1.0)
    return [one - whole for one in likings]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A connection that finds the queue full is tried again after a second.
    request_queue_size = 128


class Endpoint:
    """The server: what it was asked, what it answered, and how it shall fail.

    Attributes:
        asked: Every request that came, as JSON, failed ones too.
        answered: How often each request got its answer.
        script: What to do with the next requests instead of answering: a status with a body,
            "hang up", or "garbage".
        logprobs: "offered", "left out" or "refused".
        writes: If set, returns the text of an answer to a request; it may name the reason why the
            answer ends, too, or a status and a body to fail with.
        tokens_of: How many tokens it counts in what the user said.
        wait: If set, called before each answer with the number of requests that came before.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.headers: list[dict[str, str]] = []
        self.answered: Counter[str] = Counter()
        self.script: list[Any] = []
        self.logprobs = "offered"
        self.says: Callable[[list[str]], str] | None = None
        self.listed: Callable[[list[str]], dict[str, Any]] | None = None
        self.writes: Callable[[dict[str, Any]], Any] | None = None
        self.counts = True
        self.tokens_of: Callable[[str], int] = lambda prompt: 100
        self.wait: Callable[[int], None] | None = None
        self.closed = threading.Event()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    liking = staticmethod(liking)
    log_probabilities = staticmethod(log_probabilities)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.serve(self, body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def serve(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        with self._lock:
            self.asked.append(body)
            self.keys.append(handler.headers.get("Authorization"))
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
            turn = len(self.asked) - 1
            step = self.script.pop(0) if self.script else None
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self._serve(handler, body, step, turn)
        finally:
            with self._lock:
                self._at_once -= 1

    def _serve(
        self, handler: BaseHTTPRequestHandler, body: dict[str, Any], step: Any, turn: int
    ) -> None:
        if step == "hang up":
            handler.close_connection = True
            handler.connection.close()
            return
        if step == "garbage":
            self._send(handler, 200, b"<html>hello</html>")
            return
        if step is not None:
            status, said = step
            self._send(handler, status, json.dumps(said).encode())
            return
        if self.logprobs == "refused" and "logprobs" in body:
            error = {"error": {"message": "logprobs are not supported"}}
            self._send(handler, 400, json.dumps(error).encode())
            return
        if self.wait is not None:
            self.wait(turn)
        written = self.writes(body) if self.writes is not None else None
        if isinstance(written, tuple) and isinstance(written[0], int):
            self._send(handler, written[0], json.dumps(written[1]).encode())
            return
        with self._lock:
            self.answered[json.dumps(body, sort_keys=True)] += 1
        self._send(handler, 200, json.dumps(self.answer(handler.path, body, written)).encode())

    def _send(self, handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(content)))
            handler.send_header("retry-after-ms", "1")
            if 300 <= status < 400:
                handler.send_header("Location", "https://elsewhere.example/v1")
            handler.end_headers()
            handler.wfile.write(content)
        except OSError:
            handler.close_connection = True

    def answer(self, path: str, body: dict[str, Any], written: Any = None) -> dict[str, Any]:
        chat = path.endswith("/chat/completions")
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        options = options_of(prompt)
        likings = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", log_probabilities(options), strict=False))
        best = sorted(likings, key=lambda letter: -likings[letter])
        text = self.says(best) if self.says else ", ".join(best)
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        if "logprobs" in body and self.logprobs == "offered":
            text = best[0]
            n = body["top_logprobs"] if chat else body["logprobs"]
            choice["logprobs"] = _logprobs(chat, best[:n], likings)
            if self.listed is not None:
                choice["logprobs"] = self.listed(best)
                text = str(choice["logprobs"]["content"][0]["token"])
        if written is not None:
            text, choice["finish_reason"] = (
                written if isinstance(written, tuple) else (written, "stop")
            )
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        found: dict[str, Any] = {"model": body["model"], "choices": [choice]}
        if self.counts:
            n = self.tokens_of(prompt)
            found["usage"] = {"prompt_tokens": n, "completion_tokens": 10, "total_tokens": n + 10}
        return found


def _logprobs(chat: bool, listed: list[str], likings: dict[str, float]) -> dict[str, Any]:
    if not chat:
        return {
            "tokens": [f" {listed[0]}"],
            "top_logprobs": [{f" {letter}": likings[letter] for letter in listed}],
        }
    tops = [{"token": letter, "logprob": likings[letter]} for letter in listed]
    return {"content": [{**tops[0], "top_logprobs": tops}]}


@contextmanager
def serving() -> Iterator[Endpoint]:
    """Run an endpoint in a thread."""
    served = Endpoint()
    thread = threading.Thread(target=served.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.closed.set()
        served.server.shutdown()
        served.server.server_close()
        thread.join()
