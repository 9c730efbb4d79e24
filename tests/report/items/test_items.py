"""Table and page of questions, from an exam made by hand."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from llmexam.evaluation.items import analyse, read_responses
from llmexam.evaluation.items.tells import option_tells
from llmexam.exam.audit.audit import audit_exam
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.items.content import ExamItems, ItemReport
from llmexam.report.items.page import items_page
from llmexam.report.items.tables import item_tables
from llmexam.report.items.yields import FilterYield, Yields
from llmexam.report.terminal_parts import show

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "<script>alert(1)</script>"


def make_items(name="made", n=30, n_raters=6, *, flaws=True):
    questions = tuple(
        Question(
            f"{name}-{i}",
            f"Which {HOSTILE} colour bends least in glass, take {i}?",
            ("red", "green [bold]", HOSTILE, "violet"),
            i % 4,
            (Passage(f"Red light\nbends least. {HOSTILE}", "Optics"),),
            {"quote": "red light bends least"},
        )
        for i in range(n)
    )
    exam = Exam(questions, source=f"{name}.jsonl", format="jsonl")
    scores = {}
    for rater in range(n_raters):
        # The stronger half agree that the key of the first question is wrong.
        chosen = [(q % 4 if q % (rater + 2) else q % 4 + 1) % 4 for q in range(n)]
        chosen[0] = 2 if rater >= n_raters // 2 else 0
        rows = [[0.1 * j + 2.0 * (j == one) for j in range(4)] for one in chosen]
        scores[f"solver {rater} {HOSTILE}"] = ScoreMatrix.from_rows(exam.ids, rows)
    return ExamItems(
        name=name,
        exam=exam,
        audit=audit_exam(exam),
        tells=option_tells(questions),
        analysis=analyse(read_responses(exam, scores)),
        flaws={"negated prompt": (1, 2)} if flaws else None,
        yields=Yields(
            generated=90,
            kept=n,
            filters=(FilterYield(name=HOSTILE, rejected=60, rejected_alone=None),),
            shortfall={"no sentence fits": 4},
        ),
        notes=("A solver was left out.",),
    )


@pytest.fixture(scope="module")
def report():
    return ItemReport((make_items(), make_items("other", flaws=False)), {"seed": "0"})


def printed(parts, width=100):
    console = Console(file=StringIO(), width=width, color_system=None)
    show(console, parts)
    return console.file.getvalue()


def test_the_table_has_a_column_for_each_exam(report):
    text = printed(item_tables(report))
    for part in (
        "made",
        "other",
        "longest option",
        "negative discrimination",
        "distractors nobody chooses",
        "made: 30 of 90 questions kept",
        "missing: no sentence fits: 4",
        "negated prompt",
        "suspect keys",
        "key   A: red",
        "other C: <script>",
        "A solver was left out.",
    ):
        assert part in text, part


def test_the_page_escapes_texts_and_marks_quotes(report):
    page = items_page(report)
    assert "<script" not in page
    assert "<mark>Red light\nbends least</mark>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "preferred by the solvers" in page
    assert "Difficulty of 30 questions: mean" in page
    assert "30 of 90 generated questions were kept." in page


def test_an_exam_without_solvers_has_a_page(report):
    bare = make_items(n_raters=6)
    bare = ExamItems(bare.name, bare.exam, bare.audit, bare.tells)
    page = items_page(ItemReport((bare,)))
    assert "Sample questions" in page
    assert "Suspect keys" not in page
    assert "Difficulty of" not in page
    assert "Item-writing flaws" not in page
    assert "longest option" in printed(item_tables(ItemReport((bare,))))


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window_and_opens_by_keyboard(report, tmp_path, width):
    sync_api = pytest.importorskip("playwright.sync_api")
    path = tmp_path / "items.html"
    path.write_text(items_page(report), encoding="utf-8")
    troubles = []
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: troubles.append(message.text))
        page.on(
            "request",
            lambda request: request.url.startswith("file:") or troubles.append(request.url),
        )
        page.goto(path.as_uri())
        summary = page.locator("article.question summary").first
        summary.focus()
        page.keyboard.press("Enter")
        assert page.locator("article.question details[open]").count() == 1
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        unnamed = "svg[role=img]:not([aria-label])"
        assert page.locator(unnamed).count() == 0
        browser.close()
    assert troubles == []


def test_names_of_flaws_stay_readable_beside_long_names_of_exams():
    exams = tuple(make_items(f"an_exam_whose_name_is_very_long_{i}") for i in range(5))
    text = printed(item_tables(ItemReport(exams, {"seed": "0"})), width=80)
    assert "negated" in text.split("Item-writing flaws")[1].split("prompt")[0]
