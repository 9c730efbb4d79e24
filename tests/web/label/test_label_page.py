"""The labelling page over real HTTP, and in a real browser."""

import http.client
import json
import re
import socket
import threading
from pathlib import Path
from urllib.parse import urlencode

import pytest

from llmexam.authoring.labelling.session import Session
from llmexam.errors import SettingsError
from llmexam.web.access import new_token
from llmexam.web.guard import Limits
from llmexam.web.label.app import label_app, serve_session
from llmexam.web.label.sets import LabelSet
from llmexam.web.server import make_server

ROOT = "/label/" + LabelSet("questions.jsonl", Path("questions.jsonl"), Path()).key
MAX_BODY = Limits().body
CHROMIUM = Path("/usr/bin/chromium")


class Page:
    """A running page and a client of it."""

    def __init__(self, session):
        self.session = session
        self.token = new_token()
        self.socket = free_socket()
        self.port = self.socket.getsockname()[1]
        app = label_app(session, port=self.port, token=self.token)
        self.server = make_server(app)
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True
        )
        self.thread.start()
        self.cookie = ""

    def ask(self, method, path, form=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = {"Cookie": self.cookie} if self.cookie else {}
        body = None
        if form is not None:
            body = form if isinstance(form, bytes) else urlencode(form, doseq=True)
            given |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://127.0.0.1:{self.port}",
            }
        given |= {key.replace("_", "-"): value for key, value in headers.items()}
        given = {key: value for key, value in given.items() if value is not None}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8")
        connection.close()
        return answer.status, text, answer.headers

    def enter(self):
        status, _, headers = self.ask("GET", f"/?token={self.token}")
        assert status == 303
        self.cookie = headers["set-cookie"].partition(";")[0]
        return headers

    def stop(self):
        self.server.should_exit = True
        self.thread.join(timeout=20)
        self.socket.close()


def free_socket():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


@pytest.fixture
def start():
    pages = []

    def run(session):
        pages.append(Page(session))
        return pages[-1]

    yield run
    for page in pages:
        page.stop()


def form_of(question, **changes):
    fields = {"prompt": question.prompt, "answer": str(question.answer), "note": ""}
    fields |= {f"option-{i}": option for i, option in enumerate(question.options)}
    return fields | changes


def test_without_the_token_nothing_is_shown(start, session):
    page = start(session)
    assert page.ask("GET", f"{ROOT}/q/0")[0] == 403
    assert page.ask("GET", "/?token=wrong")[0] == 403
    assert page.ask("GET", f"{ROOT}/q/0", Cookie=f"llmexam-{page.port}=wrong")[0] == 403
    headers = page.enter()
    assert headers["location"] == "/"
    assert "HttpOnly; SameSite=Strict" in headers["set-cookie"]
    status, text, headers = page.ask("GET", f"{ROOT}/q/0")
    assert status == 200
    assert page.token not in text
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_other_hosts_and_origins_are_refused(start, session, exam, labels):
    page = start(session)
    page.enter()
    assert page.ask("GET", f"{ROOT}/q/0", Host=f"evil.example:{page.port}")[0] == 421
    assert page.ask("GET", f"{ROOT}/q/0", Host="127.0.0.1")[0] == 421
    form = form_of(exam[0], decision="accept")
    for origin in ("http://evil.example", "null", f"http://localhost:{page.port}", None):
        assert page.ask("POST", f"{ROOT}/q/0/decide", form, Origin=origin)[0] == 403
    assert not labels.exists()
    local = f"localhost:{page.port}"
    found = page.ask("POST", f"{ROOT}/q/0/decide", form, Host=local, Origin=f"http://{local}")
    assert found[0] == 303
    assert labels.exists()


def test_large_and_odd_bodies_are_refused(start, session, labels):
    page = start(session)
    page.enter()
    large = b"note=" + b"x" * MAX_BODY
    assert page.ask("POST", f"{ROOT}/q/0/decide", large)[0] == 413
    # Without a length, the body is counted while it comes.
    chunks = (b"x" * 50_000 for _ in range(8))
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    connection.putrequest("POST", f"{ROOT}/q/0/decide")
    for name, value in (
        ("Transfer-Encoding", "chunked"),
        ("Cookie", page.cookie),
        ("Origin", f"http://127.0.0.1:{page.port}"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ):
        connection.putheader(name, value)
    connection.endheaders(chunks, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    assert page.ask("POST", f"{ROOT}/q/0/decide", b"{}", Content_Type="application/json")[0] == 400
    assert page.ask("POST", f"{ROOT}/q/0/decide", b"\xff\xfe")[0] == 400
    assert (
        page.ask("POST", f"{ROOT}/q/0/decide", "&".join("a=1" for _ in range(500)).encode())[0]
        == 400
    )
    assert page.ask("POST", f"{ROOT}/q/9/decide", {"decision": "accept"})[0] == 404
    assert page.ask("GET", f"{ROOT}/q/9")[0] == 404
    assert page.ask("DELETE", f"{ROOT}/q/0")[0] == 405
    assert page.ask("GET", "/docs")[0] == 404
    assert not labels.exists()


def test_texts_are_escaped_and_the_quote_is_marked(start, session):
    page = start(session)
    page.enter()
    _, text, _ = page.ask("GET", f"{ROOT}/q/0")
    assert "alert(1)</script>" not in text
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<mark>Plants take in carbon\ndioxide</mark>" in text


def test_decisions_lead_to_the_next_question_and_to_the_end(start, session, exam, labels):
    page = start(session)
    page.enter()
    assert page.ask("GET", "/")[2]["location"] == ROOT
    assert page.ask("GET", ROOT)[2]["location"] == f"{ROOT}/q/0"
    found = page.ask("POST", f"{ROOT}/q/0/decide", form_of(exam[0], decision="accept"))
    assert (found[0], found[2]["location"]) == (303, f"{ROOT}/q/1")
    mended = form_of(exam[1], decision="mend", answer="1", prompt="Which gas?\r\nSay it.")
    assert page.ask("POST", f"{ROOT}/q/1/decide", mended)[0] == 303
    rejected = form_of(exam[2], decision="reject", reason=["unclear", "other"])
    assert page.ask("POST", f"{ROOT}/q/2/decide", rejected)[0] == 303
    found = page.ask("POST", f"{ROOT}/q/3/decide", form_of(exam[3], decision="accept"))
    assert found[2]["location"] == ROOT
    assert "All questions are decided" in page.ask("GET", ROOT)[1]
    lines = [json.loads(line) for line in labels.read_text().splitlines()]
    assert [one["decision"] for one in lines] == ["accept", "mend", "reject", "accept"]
    assert lines[1]["mended"]["prompt"] == "Which gas?\nSay it."
    assert lines[2]["reasons"] == ["unclear", "other"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decision": "accept", "prompt": "Changed?"}, "The text was changed"),
        ({"decision": "mend"}, "Nothing was changed"),
        ({"decision": "reject"}, "expected at least one reason"),
        ({"decision": "accept", "reason": "unclear"}, "Reasons to reject are chosen"),
        ({"decision": "mend", "option-1": "carbon dioxide"}, "options that differ"),
        ({"decision": ""}, "Input should be"),
    ],
)
def test_what_cannot_be_saved_is_kept_in_the_form(start, session, exam, labels, changes, message):
    page = start(session)
    page.enter()
    status, text, _ = page.ask(
        "POST", f"{ROOT}/q/0/decide", form_of(exam[0], note="mine", **changes)
    )
    assert status == 422
    assert message in text
    assert "mine</textarea>" in text
    assert not labels.exists()


def test_a_blind_page_does_not_contain_the_key(start, exam, labels):
    page = start(Session.resume(exam, labels, "ann", blind=True))
    page.enter()
    _, text, _ = page.ask("GET", f"{ROOT}/q/0")
    assert "<mark>" not in text
    main = text[text.index("<main") : text.index("</main>")]
    assert re.search(r"✓|checked|is-key", main) is None
    assert (
        page.ask("POST", f"{ROOT}/q/0/decide", form_of(exam[0], decision="accept"))[2]["location"]
        == f"{ROOT}/q/0"
    )
    assert page.ask("POST", f"{ROOT}/q/0/answer", {})[0] == 422
    assert page.ask("POST", f"{ROOT}/q/0/answer", {"choice": "1"})[0] == 303
    _, text, _ = page.ask("GET", f"{ROOT}/q/0")
    assert "You answered B: not the key." in text
    assert "<mark>" in text


def test_a_port_in_use_is_an_error(session):
    with free_socket() as taken, pytest.raises(SettingsError, match="cannot listen on port"):
        serve_session(session, port=taken.getsockname()[1], tell=lambda url: None)


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_person_labels_with_the_keyboard(start, exam, labels, width):
    sync_api = pytest.importorskip("playwright.sync_api")
    page = start(Session.resume(exam, labels, "ann", blind=True))
    troubles = []
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        origin = f"http://127.0.0.1:{page.port}"
        tab.goto(f"{origin}/?token={page.token}")
        assert page.token not in tab.url
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        for keys, place in (
            (["a"], 1),
            (["1", "Enter", "r"], 2),
            (["e", "R", "e", "Control+Enter"], 3),
        ):
            tab.keyboard.press("b")
            tab.keyboard.press("Enter")
            tab.wait_for_selector("#deciding")
            assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            for key in keys:
                tab.keyboard.press(key)
            tab.wait_for_url(f"{origin}{ROOT}/q/{place}")
        tab.keyboard.press("p")
        tab.wait_for_url(f"{origin}{ROOT}/q/2")
        assert tab.locator("#editor").get_attribute("open") is not None
        browser.close()
    assert troubles == []
    lines = [json.loads(line) for line in labels.read_text().splitlines()]
    decisions = [one["decision"] for one in lines if one["kind"] == "decision"]
    assert decisions == ["accept", "reject", "mend"]
    assert lines[-1]["mended"]["prompt"].startswith("ReWhich gas")


def test_a_decision_that_cannot_be_stored_is_shown_as_such(start, session, labels):
    page = start(session)
    page.enter()
    labels.mkdir()

    status, text, _ = page.ask(
        "POST", f"{ROOT}/q/0/decide", form_of(session.exam[0], decision="accept")
    )

    assert status == 422
    assert "cannot read the labels" in text
    assert not session.decisions
