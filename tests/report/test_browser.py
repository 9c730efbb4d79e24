"""The page in a real browser: no overflow, no errors, and filters that work."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from llmexam.report.html import write_report
from llmexam.report.training_page import training_page
from llmexam.training.protocol import CurvePoint
from llmexam.workflows.run.pipeline import run_plan

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}")
# What fits a phone hardly ever overflows a wide screen.
WIDTHS = pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Open a report; afterwards nothing may have been requested, logged or thrown."""
    troubles, contexts = [], []

    def open_report(content, width=1280, fragment="", **options):
        path = tmp_path / "report.html"
        write_report(path, content)
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith("file:") or troubles.append(request.url),
        )
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri() + fragment)
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert troubles == []


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def visible_rows(page):
    return [item.get_attribute("id") for item in page.locator("article.question:visible").all()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The report of the bundled exam, with members that need no model."""
    solvers = [{"solver": "lexical"}, {"solver": "longest"}, {"solver": "first"}]
    return run_plan("demo", tmp_path_factory.mktemp("demo") / "run", changes={"solvers": solvers})


@WIDTHS
@pytest.mark.parametrize(
    "name",
    [
        "content",
        "hostile",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("unlabelled", "crowded", "demo")),
    ],
)
def test_the_page_fits_its_window_and_texts_are_clear_of_lines(visit, request, name, width):
    page = visit(request.getfixturevalue(name), width)
    assert overflow(page) <= 0
    page.get_by_role("button", name="Open all").click()
    assert page.locator("details[open]").count() >= 2
    assert overflow(page) <= 0
    # The charts are not among the details that the button opens.
    page.evaluate("document.querySelectorAll('.charts details').forEach(part => part.open = true)")
    assert page.evaluate(ESCAPED) == []
    assert page.evaluate(COLLISIONS) == []


@WIDTHS
def test_the_page_of_a_training_fits_and_is_clear(browser, training_results, tmp_path, width):
    path = tmp_path / "training.html"
    curve = tuple(CurvePoint(s, {"loss": 2 / s, "dev_loss": 3 / s}) for s in range(1, 90))
    path.write_text(
        training_page(training_results, {"model": SimpleNamespace(curve=curve)}), "utf-8"
    )
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    assert overflow(page) <= 0
    assert page.evaluate(ESCAPED) == []
    assert page.evaluate(COLLISIONS) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == []
    context.close()


def test_code_keeps_its_indentation(visit, crowded):
    page = visit(crowded, 390)
    page.get_by_role("button", name="Open all").click()
    code = "def f(x):\n    if x:\n        return 1"
    assert code in page.locator("#q-1 .prompt").inner_text()
    assert code in page.locator("#q-1 .option .text").first.inner_text()
    assert code in page.locator("#q-1 .snippet blockquote").first.inner_text()


def test_red_lines_and_the_metric_are_explained(visit, content):
    page = visit(content)
    assert page.locator("#calibration line.gap").count() >= 1
    assert "red line: the gap between confidence" in page.locator("#calibration").inner_text()
    assert "the mean of 1 / rank of the right option" in page.locator(".score").inner_text()


@pytest.mark.slow
def test_a_long_table_of_questions_scrolls_inside_itself(visit, make_long):
    page = visit(make_long(510), 390)
    assert page.locator("table.rest tr").count() == 311
    assert overflow(page) <= 0


@pytest.mark.slow
def test_filters_show_the_questions_they_name(visit, content):
    page = visit(content)
    assert len(visible_rows(page)) == 6
    page.get_by_role("button", name="Wrong").click()
    assert visible_rows(page) == ["q-3", "q-4"]
    assert page.get_by_role("button", name="Wrong").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("status").inner_text() == "2 of 6 shown"
    page.get_by_role("button", name="Right").click()
    assert visible_rows(page) == ["q-1", "q-2", "q-5", "q-6"]
    page.get_by_role("button", name="Uncertain").click()
    assert len(visible_rows(page)) == 1


@pytest.mark.slow
def test_search_looks_into_closed_questions(visit, content):
    page = visit(content)
    page.get_by_role("searchbox").fill("BLUE")
    sync_api.expect(page.locator("article.question:visible")).to_have_count(1)
    assert visible_rows(page) == ["q-5"]
    page.get_by_role("searchbox").fill("no such words")
    sync_api.expect(page.locator("article.question:visible")).to_have_count(0)
    page.get_by_role("button", name="Show all").click()
    assert len(visible_rows(page)) == 6


@pytest.mark.slow
def test_a_link_to_a_question_opens_it(visit, content):
    page = visit(content)
    page.get_by_role("button", name="Right").click()
    page.locator("#hardest a[href='#q-4']").first.click()
    page.wait_for_selector("#q-4 details[open]")
    assert page.locator("#q-4 .options").is_visible()


def test_an_address_with_a_question_opens_it(visit, content):
    page = visit(content, fragment="#q-2")
    assert page.locator("#q-2 .options").is_visible()
    assert not page.locator("#q-1 .options").is_visible()


def test_the_page_works_without_scripts(visit, content):
    page = visit(content, java_script_enabled=False)
    assert not page.locator("#tools").is_visible()
    page.locator("#q-1 summary").click()
    assert page.locator("#q-1 .evidence").is_visible()


@pytest.mark.slow
def test_text_stands_out_from_its_ground(visit, content):
    """Contrast of all text against the ground it stands on is 4.5 to 1 or more (WCAG 2.2 AA)."""
    page = visit(content)
    page.get_by_role("button", name="Open all").click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == [], scheme


CONTRAST = """() => {
  const parse = (c) => {
    const [r, g, b, a = 1] = c.match(/[\\d.]+/g).map(Number);
    return {rgb: [r, g, b], a};
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => {
      const s = v / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const {rgb, a} = parse(getComputedStyle(e).backgroundColor);
      if (a === 1) return rgb;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim().slice(0, 30);
    if (!text || element.closest("script, title, .hidden, .skip")) continue;
    const style = getComputedStyle(element);
    const colour = parse(element.closest("svg") ? style.fill : style.color).rgb;
    const [x, y] = [luminance(colour), luminance(ground(element))].sort((p, q) => q - p);
    const ratio = (x + 0.05) / (y + 0.05);
    if (ratio < 4.5) poor.push(`${element.className} ${text} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


# Texts that lie outside their card, unless a part of it that scrolls holds them.
ESCAPED = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim();
    const element = walker.currentNode.parentElement;
    const card = element.closest(".card, .question");
    if (!text || !card || element.closest(".scroll, .hidden, title, [hidden]")) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect(), limit = card.getBoundingClientRect();
    if (!box.width) continue;
    if (box.left < limit.left - 1 || box.right > limit.right + 1) found.push(text.slice(0, 60));
  }
  return found;
}"""

# Labels of drawings that lie over each other, or that a line, a bar or a point runs through.
COLLISIONS = """() => {
  const found = [];
  const overlap = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5;
  const visible = (e) => e.getClientRects().length > 0;
  const box = (e) => {
    const {left, right, top, bottom} = e.getBoundingClientRect();
    // A line has no width of its own; it is drawn about two pixels wide.
    return e.tagName === "line"
      ? {left: left - 1, right: right + 1, top: top - 1, bottom: bottom + 1}
      : {left, right, top, bottom};
  };
  for (const drawing of document.querySelectorAll("svg")) {
    const texts = [...drawing.querySelectorAll("text")].filter(visible);
    const marks = [...drawing.querySelectorAll("line, rect, circle, polyline")].filter(visible);
    texts.forEach((text, i) => {
      const others = [...texts.slice(i + 1), ...marks];
      for (const other of others) {
        if (overlap(box(text), box(other))) {
          const said = other.textContent.trim().slice(0, 30) || other.getAttribute("class");
          found.push(`${drawing.getAttribute("class")}: ${text.textContent} / ${said}`);
        }
      }
    });
  }
  return found;
}"""
