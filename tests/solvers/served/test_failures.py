"""What a user reads when an endpoint fails, over a real connection; the key is in none of it."""

import contextlib
import gzip
import json
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from llmexam.errors import EndpointError, MissingDependencyError
from llmexam.exam.question import Question
from llmexam.solvers.served import solver as solver_module

pytest.importorskip("openai", reason="the extra openai is not installed")

QUESTION = Question("q7", "Number 7?", ("one", "seven"), 1)
KEY = "sk-very-secret-4711"


def failing(endpoint, make, *script, **settings):
    endpoint.script = list(script)
    own = {"answers": "logprobs", "max_retries": 0, "api_key_env": "OPENAI_API_KEY"}
    given = {**own, **settings}
    with pytest.raises(EndpointError) as caught:
        make(**given).score([QUESTION])
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "said", "parts"),
    [
        (401, {"error": {"message": f"bad key {KEY}"}}, ["401: bad key ***", "OPENAI_API_KEY"]),
        (403, {"detail": "not for you"}, ["403: not for you", "its permissions"]),
        (404, {"error": {"message": "no model 'tiny'"}}, ["404: no model", "'tiny'", "/v1"]),
        (400, {"message": "maximum context length is 9"}, ["lower max_characters"]),
        (413, {}, ["lower max_characters"]),
        (400, {"error": {"message": "seed unknown"}}, ["400: seed unknown", "extra_body"]),
        (400, {"detail": "I serve 'tinier', not 'tiny'"}, ["Check the model's name"]),
        (429, {"error": {"message": "slow down"}}, ["after 1 attempt", "Lower max_concurrency"]),
        (500, {"error": "oops"}, ["500: oops", "after 1 attempt"]),
        (307, {}, ["redirects to 'https://elsewhere.example/v1'", "base_url"]),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_a_refusal_says_what_to_do(endpoint, make, status, said, parts):
    text = failing(endpoint, make, (status, said))
    for part in [*parts, "question 'q7'", endpoint.url, "1 answers are missing"]:
        assert part in text
    assert KEY not in text


def test_a_connection_that_ends_says_so(endpoint, make):
    assert "no connection" in failing(endpoint, make, "hang up")


def test_an_answer_that_is_none_says_so(endpoint, make):
    assert "Check base_url" in failing(endpoint, make, "garbage")


def test_a_server_that_does_not_answer_in_time(endpoint, make):
    # Longer than the client waits, however slow the machine is.
    endpoint.wait = lambda turn: endpoint.closed.wait(60)
    text = failing(endpoint, make, timeout=0.3)
    assert "no answer within 0.3 s, after 1 attempt" in text


class Odd(BaseHTTPRequestHandler):
    """Answers in a manner that the path names, and counts how often it is asked."""

    n_asked = 0

    def log_message(self, *args):
        pass

    def do_POST(self):
        type(self).n_asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        manner = self.path.split("/")[1]
        getattr(self, manner)()

    def say(self, content, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def dripping(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(100):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)

    def long(self):
        self.say(b" " * 60_000)

    def bomb(self):
        self.say(gzip.compress(b" " * 20_000_000), Content_Encoding="gzip")

    def bombs(self):
        self.say(gzip.compress(b" " * 30_000) * 3, Content_Encoding="gzip")

    def no_archive(self):
        self.say(b"not an archive", Content_Encoding="gzip")

    def brotli(self):
        self.say(b"x", Content_Encoding="br")

    def packed(self):
        body = {"choices": [{"message": {"content": "A"}}]}
        self.say(gzip.compress(json.dumps(body).encode()), Content_Encoding="gzip")

    def nested(self):
        self.say(b"[" * 100_000 + b"]" * 100_000)

    def nested_error(self):
        self.say(b"[" * 100_000 + b"]" * 100_000, 400)

    def late(self):
        self.say(b"{}", 429, Retry_After="999999999")

    def busy(self):
        self.say(b"{}", 503, retry_after_ms="1")


@pytest.fixture
def odd():
    Odd.n_asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("manner", "said", "n_asked"),
    [
        ("dripping", "no answer within 0.5 s, after 1 attempt", 1),
        ("long", r"over 50,000 bytes.*raise max_reply_bytes", 1),
        ("bomb", "over 50,000 bytes", 1),
        ("bombs", "over 50,000 bytes", 1),
        ("no_archive", "no connection", 1),
        ("brotli", "the encoding 'br', which was not requested", 1),
        ("nested", "not that of an OpenAI-compatible endpoint", 1),
        ("nested_error", "400: ", 1),
    ],
)
def test_replies_are_bounded_in_time_size_and_depth(odd, make, manner, said, n_asked):
    limits = {"timeout": 0.5} if manner == "dripping" else {}
    if "nest" not in manner:
        limits["max_reply_bytes"] = 50_000
    begin = time.monotonic()
    with pytest.raises(EndpointError, match=said):
        make(base_url=f"{odd}/{manner}/v1", answers="ranking", max_retries=0, **limits).score(
            [QUESTION]
        )
    assert manner != "dripping" or time.monotonic() - begin < 5
    assert Odd.n_asked == n_asked


def test_a_packed_reply_is_read(odd, make):
    row = make(base_url=f"{odd}/packed/v1", answers="ranking").score([QUESTION]).rows()[0]
    assert row.argmax() == 0


@pytest.mark.parametrize(
    ("manner", "said", "n_asked"),
    [
        ("late", "after 1 attempt; the endpoint asks to wait 999,999,999 s", 1),
        ("busy", "after 3 attempts", 3),
    ],
)
def test_attempts_are_counted_as_they_were(odd, make, manner, said, n_asked):
    with pytest.raises(EndpointError, match=said):
        make(base_url=f"{odd}/{manner}/v1", answers="ranking", max_retries=2).score([QUESTION])
    assert Odd.n_asked == n_asked


def test_a_server_that_is_not_there(make):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(EndpointError, match=r"cannot connect to.*Start the server"):
        make(base_url=f"http://127.0.0.1:{port}/v1").score([QUESTION])


def test_no_key_where_one_is_named(make, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(EndpointError, match="OPENAI_API_KEY is not set"):
        make(base_url="https://api.openai.com/v1")
    with pytest.raises(EndpointError, match="OTHER_KEY is not set"):
        make(base_url="https://example.org/v1", api_key_env="OTHER_KEY")
    make(base_url="https://example.org/v1")


@pytest.mark.parametrize("named", [None, "OTHER_KEY"])
def test_others_are_told_nothing_that_is_openais(endpoint, make, monkeypatch, named):
    monkeypatch.setenv("OTHER_KEY", "sk-other-12")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-4712")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-4713")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-4714")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer 4715\nX-Account: 4716")
    make(**({"api_key_env": named} if named else {})).score([QUESTION])
    assert set(endpoint.keys) == {"Bearer sk-other-12" if named else "Bearer none"}
    sent = str(endpoint.headers)
    assert not [secret for secret in (KEY, *(f"{n}" for n in range(4712, 4717))) if secret in sent]


def test_an_endpoint_that_wants_a_key_though_none_is_named(endpoint, make):
    text = failing(endpoint, make, (401, {"error": {"message": "no key"}}), api_key_env=None)
    assert "401: no key" in text
    assert "No key was sent. Set api_key_env" in text
    assert "OPENAI_API_KEY is sent to api.openai.com only" in text


def test_the_key_is_sent_and_shown_nowhere(endpoint, make, tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "sk-other-12")
    with caplog.at_level(logging.DEBUG):
        solver = make(api_key_env="OTHER_KEY")
        solver.score([QUESTION])
    assert endpoint.keys == ["Bearer sk-other-12"] * len(endpoint.keys)
    kept = [path.read_text("latin-1") for path in (tmp_path / "answers").iterdir()]
    seen = [caplog.text, repr(solver), repr(vars(solver)), str(solver.settings), *kept]
    seen.append(solver.settings.model_dump_json())
    assert caplog.text
    assert not any("sk-other" in text for text in seen)


def test_no_key_is_sent_to_this_machine_where_there_is_none(endpoint, make, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    make().score([QUESTION])
    assert endpoint.keys == ["Bearer none"]


def test_a_cache_that_cannot_be_written_shows_before_anything_is_paid(endpoint, make, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EndpointError, match="cannot write to the answer cache"):
        make(cache_dir=str(tmp_path / "file" / "answers"), answers="ranking").score([QUESTION])
    assert endpoint.asked == []


def test_a_missing_package_is_named(make, monkeypatch):
    monkeypatch.setattr(solver_module, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"llmexam\[openai\]"):
        make()
