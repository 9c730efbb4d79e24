"""The pages in a real browser: each page and journey, wide and narrow, light and dark."""

import socket
import threading

import pytest
import uvicorn

from llmexam.web.app import make_app
from llmexam.web.export import export_site
from llmexam.workflows.browse.workspace import Workspace
from run_folders import SCRIPT

WORDS = "week%201/words"
WIDE, NARROW = 1280, 390
PAGES = {
    "runs": "/",
    "run": f"/run?run={WORDS}",
    "training": "/training?run=trained",
    "unfinished": "/run?run=now",
    "questions": f"/questions?run={WORDS}",
    "question": f"/question?run={WORDS}&n=4",
    "compare": f"/compare?run={WORDS}&run=longest",
    "several": f"/compare?run={WORDS}&run=longest&run=week%201/random",
    "api": "/api",
}
STATIC = {
    "runs": "index.html",
    "run": f"runs/{WORDS}/index.html",
    "questions": f"runs/{WORDS}/questions.html",
    "list": f"runs/{WORDS}/list-1.html",
    "compare": "compare/1-a-1.html",
    "comparisons": "compare.html",
}


@pytest.fixture(scope="module")
def server(work):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        make_app(Workspace(work)), log_level="critical", access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture
def open_page(chromium):
    """Return a function that opens a page; errors of it fail the test."""
    contexts, problems = [], []

    def open_(width=WIDE, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda one: problems.append(one.text) if one.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append("a dialog"), dialog.dismiss()))
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def violations(page):
    """Return what axe-core finds against WCAG 2.1 A and AA, with all parts of the page open."""
    base = pytest.importorskip("axe_core_python.base", reason="axe-core-python is not installed")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(base.AXE_SCRIPT)
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    assert found["passes"], "axe-core checked nothing"
    return [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]


def require_narrow_enough(page):
    extra = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert extra <= 0, f"{page.url} is {extra} pixels too wide"


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_every_page_is_accessible_and_fits(open_page, server, width, scheme):
    page = open_page(width, color_scheme=scheme)
    for name, path in PAGES.items():
        page.goto(server + path)
        # The others have nothing of their own in dark colours.
        if scheme == "light" or name in ("runs", "run", "question", "compare"):
            assert violations(page) == [], path
        require_narrow_enough(page)


@pytest.fixture(scope="module")
def copy(work, tmp_path_factory):
    """Return the address of a static copy."""
    folder = tmp_path_factory.mktemp("site") / "copy"
    export_site(Workspace(work), folder)
    return f"file://{folder}"


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "dark"), (NARROW, "light")])
@pytest.mark.slow
def test_the_static_copy_opens_from_a_file(open_page, copy, width, scheme):
    page = open_page(width, color_scheme=scheme)
    for name, path in STATIC.items():
        page.goto(f"{copy}/{path}")
        # The other pages are those of the server.
        assert name not in ("list", "comparisons") or violations(page) == [], path
        require_narrow_enough(page)
    page.goto(f"{copy}/{STATIC['questions']}")
    page.fill("#search", "ice")
    assert page.locator("#list li").count() == 2
    assert page.locator("#found").inner_text() == "2 of 12 found."
    address = page.url
    page.check("input[value=wrong]")
    n_wrong = page.locator("#list a.item").count()
    page.uncheck("input[value=wrong]")
    page.check("input[value=right]")
    assert page.locator("#list a.item").count() == 2 - n_wrong
    # The state of the search is in the address.
    page.goto("about:blank")
    page.goto(address)
    assert page.locator("#list li").count() == 2
    page.locator("#list a.item").first.click()
    page.wait_for_url("**/list-1.html#q-4")
    assert page.locator("#q-4").is_visible()


@pytest.mark.parametrize("width", [WIDE, pytest.param(NARROW, marks=pytest.mark.slow)])
def test_from_the_list_to_a_question_by_mouse_and_keys(open_page, server, width):
    page = open_page(width)
    page.goto(server)
    page.click(f"text=Words {SCRIPT}")
    page.click("nav[aria-label='Parts of the run'] >> text=Questions")
    page.select_option("select[name=right]", "B")
    page.select_option("select[name=sort]", "lead")
    page.click("button:has-text('Show')")
    page.wait_for_url("**sort=lead**")
    assert "right=B" in page.url
    assert page.locator("#list a.item").count() == 3
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/question?**")
    assert "2 of 3 in this list" in page.locator("main").inner_text()
    first = page.url
    page.keyboard.press("j")
    # A page is ready for keys when it is loaded.
    page.wait_for_url(lambda url: url != first)
    assert page.locator("#next").count() == 0
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(first)
    assert page.locator(".option.answer .letter").inner_text().endswith("B")
    assert page.locator("mark").count() > 0
    page.keyboard.press("u")
    page.wait_for_url("**/questions?**")
    page.keyboard.press("/")
    page.keyboard.type("copper")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=copper**")
    assert "right=B" in page.url


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_comparing_the_chosen_runs(open_page, server, width):
    page = open_page(width)
    page.goto(server)
    for id in ("week 1/words", "longest"):
        page.check(f"input[name=run][value='{id}']")
    page.click("text=Compare the chosen runs")
    page.wait_for_url("**/compare?**")
    assert "Difference in MAP@3" in page.locator("main").inner_text()
    page.locator("#flips details summary").first.click()
    assert page.locator("#flips .option").first.is_visible()
    page.click("#flips .tabs a:not([aria-current])")
    page.wait_for_url("**side=**")


def test_progress_is_shown_live(open_page, server, work):
    page = open_page()
    page.goto(server)
    # The script has asked once and drawn it again.
    page.wait_for_selector("#live progress[value='25']")
    assert "25 of 100" in page.locator("#live").inner_text()
    assert page.locator("#live img").count() == 0


def test_the_switch_of_colours_is_kept(open_page, server):
    page = open_page(color_scheme="light")
    page.goto(server)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.goto(f"{server}/api")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert violations(page) == []


def test_reading_works_without_javascript(open_page, server):
    page = open_page(NARROW, java_script_enabled=False)
    page.goto(server)
    page.click(f"text=Words {SCRIPT}")
    page.click("nav[aria-label='Parts of the run'] >> text=Questions")
    page.fill("#search", "ice")
    page.click("button:has-text('Show')")
    page.wait_for_url("**q=ice**")
    assert page.locator("#list a.item").count() == 2
    page.locator("#list a.item").first.click()
    page.click("#next")
    page.wait_for_url("**n=10**")


def test_the_skip_link_and_the_focus_are_visible(open_page, server):
    page = open_page()
    page.goto(server)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_report_works_in_its_sandbox(open_page, server):
    page = open_page()
    page.goto(f"{server}/report?run={WORDS}")
    page.fill("#find", "ice")
    page.get_by_text("2 of 12 shown").wait_for()
    # The script of a report has no origin, so it can ask this server for nothing.
    assert page.evaluate("self.origin") == "null"


def test_tags_are_saved_from_the_list(open_page, server, work):
    page = open_page(NARROW)
    page.goto(f"{server}/?q=longest")
    page.locator(".tagging summary").first.click()
    page.locator(".tagging input[name=tags]").first.fill("good, week 48")
    page.locator(".tagging button").first.click()
    page.wait_for_load_state()
    page.goto(f"{server}/?tag=week+48")
    assert page.locator(".leaderboard a").count() == 1
    (work / "tags.json").unlink()
