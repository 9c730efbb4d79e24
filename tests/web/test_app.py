"""The pages and the JSON API in process: what they show, escape and refuse."""

import re
import shutil
import threading
from html.parser import HTMLParser

import pytest
from filelock import FileLock
from starlette.routing import Route
from starlette.testclient import TestClient

from llmexam.web.app import Page, make_app
from llmexam.web.headers import POLICY
from llmexam.web.pages import runs
from llmexam.web.rendering import Tab
from llmexam.web.responses import page
from llmexam.workflows.browse import tags
from llmexam.workflows.browse.workspace import Workspace
from run_folders import SCRIPT

WORDS = "week 1/words"
PAGES = (
    "/",
    "/?q=words&sort=date",
    f"/run?run={WORDS}",
    "/run?run=now",
    "/run?run=stopped",
    "/training?run=trained",
    f"/questions?run={WORDS}",
    f"/questions?run={WORDS}&mark=wrong&q=milk&slice=subject:physics&sort=rank",
    f"/question?run={WORDS}&n=4",
    "/compare",
    f"/compare?run={WORDS}&run=longest",
    f"/compare?run={WORDS}&run=longest&side=b",
    f"/compare?run={WORDS}&run=longest&run=week 1/random",
    "/api",
)
API = (
    "/api/runs",
    f"/api/run?run={WORDS}",
    "/api/run?run=trained",
    f"/api/questions?run={WORDS}&mark=right&limit=5",
    f"/api/question?run={WORDS}&n=4",
    f"/api/compare?run={WORDS}&run=longest",
)
NOTHING = ("../outside", "/etc/passwd", "", "none", "week 1", "week 1/notes.txt", "a\\..\\b")


@pytest.fixture(scope="module")
def client(work):
    return TestClient(make_app(Workspace(work)))


class Markup(HTMLParser):
    """Collects what runs or loads something."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.handlers, self.inline, self.addresses = [], [], [], []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "script":
            self.inside = True
            self.scripts.append(values.get("src"))
        self.handlers += [name for name in values if name.startswith("on")]
        self.inline += [tag for name in values if name == "style"] + ([tag] * (tag == "style"))
        self.addresses += [values[name] for name in ("src", "href", "action") if name in values]

    def handle_endtag(self, tag):
        if tag == "script":
            self.inside = False

    def handle_data(self, data):
        if self.inside and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_and_loads_nothing_but_our_files(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    found = Markup(answer.text)
    assert all(src and src.startswith("/static/") for src in found.scripts)
    assert found.handlers == []
    assert found.inline == []
    assert all(one.startswith(("/", "#", "data:,")) for one in found.addresses)
    assert SCRIPT not in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_no_path_of_the_machine(client, work, path):
    assert str(work.parent) not in client.get(path).text


def test_hostile_texts_are_shown_as_texts(client):
    text = client.get(f"/question?run={WORDS}&n=4").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<img" not in text


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("path", ["/run", "/questions", "/question", "/training", "/report"])
def test_nothing_outside_the_folder_is_shown(client, path, name):
    assert client.get(path, params={"run": name, "n": "1"}).status_code == 404


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("path", ["/api/run", "/api/questions", "/api/question"])
def test_the_api_shows_nothing_outside_the_folder(client, path, name):
    answer = client.get(path, params={"run": name, "n": "1"})
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "hint"}


@pytest.mark.parametrize("name", ["../app.py", "..%2Fapp.py", "site.css/..", "none.css", ".css"])
def test_static_files_are_those_of_the_package(client, name):
    assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/questions?run={WORDS}&mark=worng", 400),
        (f"/questions?run={WORDS}&slice=colour:red", 400),
        (f"/question?run={WORDS}&n=13", 404),
        (f"/question?run={WORDS}&n=0", 404),
        (f"/question?run={WORDS}&n=x", 404),
        (f"/compare?run={WORDS}&run=other", 400),
        ("/compare?run=longest&file=../exam.jsonl", 400),
        ("/questions?run=now", 400),
        ("/none", 404),
        ("/api/compare?run=longest", 400),
        (f"/api/question?run={WORDS}&n=x", 400),
    ],
)
def test_wrong_addresses_are_told_in_words(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_errors_name_files_without_their_folders(client, work):
    text = client.get("/compare?run=longest&run=week 1/notes.txt").text
    assert "notes.txt" in text
    assert str(work.parent) not in text


def test_the_list_ranks_by_exam_and_shows_progress(client):
    text = client.get("/").text
    assert text.count('class="forest leaderboard"') == 2
    assert "25 of 100" in text
    assert "about 30.0 s left" in text
    assert "MAP@3 <b>0.6100</b>" in text
    found = client.get("/progress").json()
    assert [one["id"] for one in found] == ["now"]
    assert found[0]["seconds_left"] == pytest.approx(30, abs=1)


def test_filters_are_in_the_address_of_every_question(client):
    text = client.get(f"/questions?run={WORDS}&mark=wrong&right=B&sort=rank").text
    links = re.findall(r'href="(/question\?[^"]*)"', text)
    assert links
    assert all("mark=wrong" in one and "right=B" in one and "sort=rank" in one for one in links)


def test_next_and_previous_stay_in_the_list(client):
    lines = client.get(f"/api/questions?run={WORDS}&right=B").json()["questions"]
    rows = [line["row"] for line in lines]
    text = client.get(f"/question?run={WORDS}&right=B&n={rows[1]}").text
    previous = re.search(r'id="previous"[^>]*href="([^"]*)"', text)[1]
    following = re.search(r'id="next"[^>]*href="([^"]*)"', text)[1]
    assert previous.endswith(f"n={rows[0]}")
    assert following.endswith(f"n={rows[2]}")


def test_the_report_is_isolated(client):
    answer = client.get(f"/report?run={WORDS}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts;")
    assert "connect-src" not in policy
    assert "default-src 'none'" in policy


def test_tags_are_saved_by_a_form(tmp_path, work):
    shutil.copytree(work, tmp_path / "copy")
    client = TestClient(make_app(Workspace(tmp_path / "copy")))
    form = {"run": WORDS, "tags": "good, <b>new</b>"}
    answer = client.post("/tags", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    text = client.get("/?tag=good").text
    assert "&lt;b&gt;new&lt;/b&gt;" in text
    assert "1 of 7 runs" in text
    assert client.post("/tags", data={"run": "../x", "tags": "a"}).status_code == 404
    assert client.post("/tags", data={"tags": "a"}).status_code == 400
    assert client.post("/tags", data={"run": WORDS, "tags": "x" * 50}).status_code == 400
    assert client.post("/tags", content=b"\xff" * 10).status_code == 400
    assert client.post("/tags", content=b"run=" + b"x" * 300_000).status_code == 400


@pytest.mark.parametrize("path", API)
def test_the_api_answers_as_its_document_says(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    paths = client.get("/api/openapi.json").json()["paths"]
    assert path.partition("?")[0] in paths
    assert answer.headers["content-type"] == "application/json"


def test_the_api_has_the_content_of_metrics_json(client, work):
    import json

    found = client.get(f"/api/run?run={WORDS}").json()
    metrics = json.loads((work / "week 1" / "words" / "metrics.json").read_text())
    assert found["metrics"]["final"]["metrics"] == metrics["final"]["metrics"]


def test_the_page_of_the_api_names_every_route(client):
    text = client.get("/api").text
    for path in client.get("/api/openapi.json").json()["paths"]:
        assert f"GET {path}" in text


def test_other_pages_are_in_the_navigation(work):
    def show(request):
        return page(request, "problem.html", tab="more", message="<here>", hint="")

    more = Page(tab=Tab("More", "more"), routes=[Route("/more", show)])
    client = TestClient(make_app(Workspace(work), [more]))
    text = client.get("/more").text
    assert '<a href="/more" aria-current="page">More</a>' in text
    assert "&lt;here&gt;" in text


def test_an_empty_folder_says_what_to_do(tmp_path):
    text = TestClient(make_app(Workspace(tmp_path))).get("/").text
    assert "There is no run in this folder yet" in text


def test_the_api_names_neither_process_nor_machine(client):
    (now,) = [one for one in client.get("/api/runs").json() if one["id"] == "now"]
    assert now["progress"]["n_done"] == 25
    assert {"pid", "host"}.isdisjoint(now["progress"])


def test_embedders_are_named_without_their_folders(tmp_path, work):
    shutil.copytree(work / "longest", tmp_path / "run")
    plan = tmp_path / "run" / "plan.yaml"
    text = plan.read_text().replace("task: multiple-choice", "task: prompt-recovery")
    plan.write_text(text.replace("evaluation:\n", "evaluation:\n  embedder: /models/a/t5\n"))
    client = TestClient(make_app(Workspace(tmp_path)))
    (entry,) = client.get("/api/runs").json()
    assert entry["embedder"] == "t5"
    assert "MAP@3 by <bdi>t5</bdi>" in client.get("/").text


def test_tags_that_are_locked_do_not_stop_other_pages(tmp_path, work, monkeypatch):
    shutil.copytree(work / "longest", tmp_path / "a")
    client = TestClient(make_app(Workspace(tmp_path)))
    monkeypatch.setattr(tags, "_SECONDS", 0.0)
    threads = []
    save = runs.write_tags
    monkeypatch.setattr(
        runs, "write_tags", lambda *args: (threads.append(threading.current_thread()), save(*args))
    )
    with FileLock(tmp_path / ".tags.lock"):
        answer = client.post("/tags", data={"run": "a", "tags": "x"})
    assert answer.status_code == 400
    assert "another process kept the tags locked" in answer.text
    assert "AnyIO worker thread" in threads[0].name
