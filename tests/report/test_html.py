"""The page is read with the standard parser: what a browser would see, not how it is written."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from llmexam.evaluation.evaluate import evaluate_scores
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.content import ReportContent, SolverResult
from llmexam.report.html import render_report, write_report

VOID = {"meta", "input", "br", "img", "link", "hr"}
LOADING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "ping"}


class Page(HTMLParser):
    """Collects elements, and the text inside each kind of them; tags must balance."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.open = []
        self.texts = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts.setdefault(tag, []).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag):
        return "".join(self.texts.get(tag, []))


@pytest.fixture(scope="module")
def page(content):
    return Page(render_report(content))


@pytest.fixture(scope="module")
def hostile_page(hostile):
    return Page(render_report(hostile))


def test_hostile_texts_become_no_elements(hostile_page):
    assert len(hostile_page.all("script")) == 1
    assert hostile_page.all("img") == []
    assert "alert" not in hostile_page.text("script")


@pytest.mark.parametrize(
    "where",
    [
        "title",
        "prompt",
        "option1",
        "option25",
        "passage",
        "source",
        "solver",
        "other",
        "id",
        "note",
        "a",
        "check",
        "severity",
        "message",
        "stage",
        "command",
        "label",
        "value",
        "file",
    ],
)
def test_hostile_texts_are_shown_as_they_are(hostile_page, where):
    assert f'<script>alert("{where}")</script>' in hostile_page.text("body")


def test_the_title_is_escaped_too(hostile_page):
    assert hostile_page.text("title").startswith('<script>alert("title")</script>')


@pytest.mark.parametrize("name", ["page", "hostile_page"])
def test_nothing_is_loaded_from_anywhere(name, request):
    page = request.getfixturevalue(name)
    for tag, attributes in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "img", "video", "audio"}
        assert not LOADING & set(attributes), (tag, attributes)
        assert attributes.get("href", "#").startswith("#")
        assert not any(key.startswith("on") or key == "style" for key in attributes)
    assert "url(" not in page.text("style")
    assert "@import" not in page.text("style")


def test_every_link_inside_the_page_arrives(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in page.all("a")}
    assert {"q-4", "solvers", "questions"} <= targets <= set(ids)
    named = {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    assert named <= set(ids)


def test_the_policy_allows_this_script_and_style_only(page):
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        digest = b64encode(sha256(page.text(tag).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_plots_have_a_text_alternative_and_tables_a_caption(page):
    drawings = page.all("svg")
    assert len(drawings) > 20
    assert all(d.get("aria-label") or d.get("aria-hidden") for d in drawings)
    assert len(page.all("caption")) == len(page.all("table"))


def test_the_numbers_are_on_the_page(page):
    body = page.text("body")
    for part in ("0.7778", "95 % interval", "random", "longest", "+0.1667", "0.1000", "0.750"):
        assert part in body
    for part in ("llmexam run plan.yaml", "f" * 64, "run/submission.csv", "Two prompts are"):
        assert part in body


def test_options_are_listed_by_rank_and_the_answer_is_marked_in_words(content):
    html = render_report(content)
    article = html[html.index('id="q-4"') : html.index('id="q-5"')]
    assert re.findall(r"Option </span>(\w)<", article) == ["C", "B", "A"]
    last = article[article.index("Option </span>A") :]
    assert "right answer" in last[: last.index("</li>")]
    assert article.count("right answer") == 1


def test_supporting_sentences_are_marked_in_their_passage(content):
    html = render_report(content)
    article = html[html.index('id="q-1"') : html.index('id="q-2"')]
    quotes = re.findall(r"<blockquote[^>]*>(.*?)</blockquote>", article, re.DOTALL)
    marked = ["".join(re.findall(r"<mark[^>]*>([^<]*)</mark>", quote)) for quote in quotes]
    assert marked == ["Red light bends least of all colours.", "Violet light bends most."]
    assert re.findall(r'<mark class="term">([^<]*)', quotes[0]) == ["Red", "bends"]
    assert '<span class="around">Light bends in glass. </span>' in quotes[0]


def test_an_exam_without_answers_shows_rankings_only(unlabelled):
    page = Page(render_report(unlabelled))
    assert "rankings without grades" in page.text("body")
    assert "right answer" not in page.text("body")
    assert "MAP@" not in page.text("body")


def test_an_empty_exam_has_a_page():
    final = SolverResult("x", ScoreMatrix.from_rows([], []))
    page = Page(render_report(ReportContent("", Exam(()), final, ())))
    assert "This exam has no questions." in page.text("body")
    assert page.text("h1") == "Exam report"


def test_one_question_and_one_solver(content):
    one = content.exam.subset([0])
    final = replace(content.solvers[0], scores=content.solvers[0].scores.subset([0]))
    page = Page(render_report(ReportContent("One", one, final, (final,))))
    assert len(page.all("article")) == 1


def test_blank_texts_are_named(hostile_page):
    assert "(no prompt)" in hostile_page.text("article")
    assert "(blank)" in hostile_page.text("article")


def test_control_characters_and_lone_surrogates_do_not_break_the_file(hostile, tmp_path):
    prompt = "a\x00b\x1bc\ud800d"
    broken = replace(hostile.exam[1], prompt=prompt)
    exam = replace(hostile.exam, questions=(hostile.exam[0], broken))
    write_report(tmp_path / "report.html", replace(hostile, exam=exam))
    text = (tmp_path / "report.html").read_bytes().decode("utf-8")
    assert "a\ufffdb\ufffdc?d" in text


def test_long_passages_do_not_make_the_page_long(make_long):
    content = make_long(200)
    short = len(render_report(content))
    passage = (Passage(content.exam[0].passages[0].text + " And so on." * 5000, "Optics"),)
    exam = Exam(tuple(replace(q, passages=passage) for q in content.exam))
    long = len(render_report(replace(content, exam=exam)))
    assert long - short < 200 * 1000
    assert short < 3_000_000


def test_long_exams_give_most_questions_one_line(make_long):
    page = Page(render_report(make_long(600)))
    assert len(page.all("article")) == 200
    rows = [a for tag, a in page.elements if tag == "tr" and "filterable" in a.get("class", "")]
    assert len(rows) == 400


def test_the_same_content_gives_the_same_page(content):
    assert render_report(content) == render_report(content)


@pytest.mark.slow
def test_real_questions_fit_in_a_small_page(shared_data):
    import csv

    path = shared_data / "science_exam" / "official_200_with_context.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    from llmexam.exam.question import Question
    from llmexam.solvers.protocol import Explanation, OptionReason, Support

    with path.open(newline="", encoding="utf-8-sig") as stream:
        records = list(csv.DictReader(stream))
    questions = tuple(
        Question(
            str(i),
            r["prompt"],
            tuple(r[letter] for letter in "ABCDE"),
            "ABCDE".index(r["answer"]),
            (Passage(r["context"]),),
        )
        for i, r in enumerate(records)
    )
    exam = Exam(questions)
    rows = [[float(len(option)) for option in q.options] for q in questions]
    # Five supports an option, each of 300 characters, wherever they may lie.
    explanations = tuple(
        Explanation(
            q.id,
            tuple(
                OptionReason(
                    "note",
                    tuple(
                        Support(0, at, at + 300, 1.0, ("the", "of"))
                        for at in range(o, len(q.passages[0].text) - 300, 307)
                    )[:5],
                )
                for o in range(5)
            ),
        )
        for q in questions
    )
    final = SolverResult("longest", ScoreMatrix.from_rows(exam.ids, rows), None, None, explanations)
    page = render_report(ReportContent("Real", exam, final, (final,)))
    assert len(page.encode()) < 3_000_000
    assert len(Page(page).all("article")) == 200


def test_all_right_options_are_marked_and_named(content):
    question = replace(content.exam[0], answer=0, right=(0, 2))
    exam = Exam((question,))
    scores = ScoreMatrix.from_rows(exam.ids, [[1.0, 3.0, 2.0]])
    evaluation = evaluate_scores(exam, scores, name="s", n_resamples=100)
    result = SolverResult("s", scores, evaluation)
    html = render_report(ReportContent("Several", exam, result, (result,)))
    assert html.count("right answer</p>") == 2
    assert "right is A, C at" in html
