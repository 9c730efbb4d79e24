"""The pages "Try it" and "Label" in a real browser: journeys, wide and narrow, light and dark."""

import json
import threading

import pytest

import llmexam as lx
from llmexam.web.access import Access
from llmexam.web.guard import guarded
from llmexam.web.server import listening, make_server
from llmexam.web.serving import ServeOptions, make_site
from llmexam.workflows.browse.workspace import Workspace

TOKEN = "a-token-of-the-tests-only"
WIDE, NARROW = 1280, 390
SCRIPT = "<script>alert(1)</script>"
PLANET = f"Which planet is the largest? {SCRIPT}\nA) Mars\nB) Jupiter\nC) {SCRIPT}\nAnswer: B"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("served")
    lx.build_index("bundled", path / "wiki", kind="sparse")
    return path


@pytest.fixture
def questions(folder):
    """Return a set of four questions without labels."""
    path = folder / "set.jsonl"
    (folder / "set.labels.jsonl").unlink(missing_ok=True)
    lines = [
        {
            "id": f"q{i}",
            "prompt": f"Which gas, take {i}? {SCRIPT}",
            "options": ["carbon dioxide", "nitrogen", SCRIPT],
            "answer": "A",
            "passages": [{"text": f"Plants take in carbon dioxide. {SCRIPT}", "title": "Leaves"}],
            "metadata": {"quote": "carbon dioxide"},
        }
        for i in range(4)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def address(folder):
    site = make_site(Workspace(folder), ServeOptions())
    with listening() as listener:
        port = listener.getsockname()[1]
        server = make_server(guarded(site.app, Access(port=port, token=TOKEN)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        site.trials.close()
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def open_page(chromium, address):
    """Return a function that opens a page with the token; errors of it fail the test."""
    contexts, problems = [], []

    def open_(width=WIDE, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append("a dialog"), dialog.dismiss()))
        page.goto(f"{address}/try?token={TOKEN}")
        assert TOKEN not in page.url
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def check(page):
    """Check a page by axe-core against WCAG 2.1 A and AA, and that it is not too wide."""
    base = pytest.importorskip("axe_core_python.base", reason="axe-core-python is not installed")
    extra = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert extra <= 0, f"{page.url} is {extra} pixels too wide"
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(base.AXE_SCRIPT)
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    assert found["passes"], "axe-core checked nothing"
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []


@pytest.mark.parametrize(
    ("width", "scheme"), [pytest.param(WIDE, "dark", marks=pytest.mark.slow), (NARROW, "light")]
)
def test_a_question_is_answered(open_page, width, scheme):
    page = open_page(width, color_scheme=scheme)
    check(page)
    page.fill("#text", PLANET)
    page.select_option("#index", "wiki")
    page.click("#try-form button")
    page.wait_for_selector("#answer-section")
    assert "Answer B" in page.inner_text("#answer-title")
    assert "right: the answer is B" in page.inner_text("#answer-section")
    assert page.locator("#answer-section .snippet").count() == 4
    assert page.locator("#answer-section mark").count() > 0
    assert "lexical" in page.inner_text("#queue")
    # What was asked can be changed and asked again.
    assert page.input_value("#text") == PLANET
    assert page.input_value("#index") == "wiki"
    check(page)
    page.fill("#text", "hello")
    page.click("#try-form button")
    page.wait_for_selector("#problem")
    assert "expected 2 to 26 options" in page.inner_text("#problem")
    assert page.input_value("#text") == "hello"
    check(page)


def test_a_rewritten_text_without_scripts(open_page):
    page = open_page(java_script_enabled=False)
    page.click("text=A rewritten text")
    page.fill("#original", "The text.")
    page.fill("#rewritten", f"Arr, the text. {SCRIPT}")
    page.select_option("#way", "recoverer:copy")
    page.click("#try-form button")
    page.wait_for_selector(".recovered")
    assert page.inner_text(".recovered") == "The text."


def enter(page, address, name):
    page.goto(f"{address}/label")
    page.fill("input[name=labeller]", name)
    page.click("text=Use this name")
    page.click(".sets a >> nth=0")
    page.wait_for_selector("#deciding")


def test_two_people_label_at_the_same_time(open_page, address, questions):
    ann = open_page(WIDE, color_scheme="light")
    bob = open_page(NARROW, color_scheme="dark")
    for page, name in ((ann, "ann"), (bob, "bob ü")):
        enter(page, address, name)
    check(ann)
    check(bob)
    for place in range(1, 4):
        ann.reload()
        bob.reload()
        ann.keyboard.press("a")
        ann.wait_for_url(f"**/q/{place}")
        if place == 2:
            bob.keyboard.press("1")
            bob.keyboard.press("r")
        else:
            bob.keyboard.press("a")
        bob.wait_for_url(f"**/q/{place}")
        # Nothing of the other's decision shows before one's own.
        assert "ann" not in bob.inner_text("main").replace("cannot", "")
    ann.keyboard.press("p")
    ann.wait_for_url("**/q/2")
    ann.keyboard.press("p")
    ann.wait_for_url("**/q/1")
    assert "bob ü rejected: the key is wrong" in ann.inner_text(".others")
    check(ann)

    ann.click("text=Agreement")
    ann.wait_for_selector("[data-live] table")
    assert "66.7 %" in ann.inner_text("[data-live]")
    assert "Krippendorff's alpha" in ann.inner_text("[data-live]")
    check(ann)
    bob.keyboard.press("a")
    bob.wait_for_url(lambda url: "/q/" not in url)
    assert "All questions are decided" in bob.inner_text("main")
    # The numbers follow without a reload.
    ann.locator("[data-live]", has_text="bob ü: 4 of 4").wait_for(timeout=20_000)
    ann.click(".disagreements a")
    ann.wait_for_url("**/q/1")
    lines = questions.with_name("set.labels.jsonl").read_text().splitlines()
    assert len(lines) == 7
