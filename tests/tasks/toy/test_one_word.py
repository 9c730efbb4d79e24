"""A task of an outside package, whose answers are texts, from plan to report."""

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from llmexam.errors import ExamError, ScoreError, SettingsError
from llmexam.workflows.run.pipeline import run_plan
from page_blocks import blocks_of

ROOM = Path(__file__).parent
PAGE = ROOM.parents[2] / "docs" / "how-to" / "write-a-task.md"
ROWS = [
    ("Gold is which kind of element: metal or gas?", "gold"),
    *((f"Copper number {n} is a metal?", "Copper") for n in range(9)),
    *((f"Is number {n} prime?", "yes") for n in range(6)),
]


@pytest.fixture
def folder(installed, tmp_path):
    write_exam(tmp_path)
    plan = {
        "task": installed,
        "title": "Words",
        "exam": "words.csv",
        "solvers": ["prompt-word", {"constant": {"word": "Yes"}}],
        "evaluation": {"n_resamples": 200},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    return tmp_path


def write_exam(folder, answers=True):
    lines = ["prompt,answer", *(f'"{p}",{a}' for p, a in ROWS)]
    if not answers:
        lines = ["prompt", *(f'"{p}"' for p, _ in ROWS)]
    (folder / "words.csv").write_text("\n".join(lines) + "\n")


def run(folder, **changes):
    return run_plan(folder / "plan.yaml", folder / "out", changes=changes)


def cached(content):
    return {record.name for record in content.stages if record.cached}


def test_a_run_leaves_answers_metrics_submission_and_report(folder):
    content = run(folder)
    out = folder / "out"
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["schema_version"] == 2
    assert set(metrics["solvers"]) == {"prompt-word", "constant"}
    (metric,) = metrics["final"]["metrics"]
    assert metric["name"] == "exact_match"
    assert metric["estimate"]["value"] == 10 / 16
    assert metric["baselines"] == {"most frequent word": 9 / 16}
    assert metric["chance"] is None
    lines = (out / "submission.csv").read_text().splitlines()
    assert lines[:3] == ["id,answer", "1,Gold", "2,Copper"]
    assert len(lines) == 17
    record = json.loads((out / "run.json").read_text())
    assert set(record["files"]) == {
        *("answers/prompt-word.json", "answers/constant.json"),
        *("metrics.json", "plan.yaml", "report.html", "submission.csv"),
    }
    answers = json.loads((out / "answers" / "constant.json").read_text())["answers"]
    assert answers[0] == {"id": "1", "answer": "Yes"}
    assert content.final.name == "prompt-word"


def test_solvers_are_compared_in_pairs(folder):
    (comparison,) = run(folder).comparisons
    assert (comparison.name_a, comparison.name_b) == ("prompt-word", "constant")
    assert comparison.metric.name == "exact_match"
    assert comparison.difference.value == 4 / 16
    assert (comparison.n_better, comparison.n_worse) == (10, 6)
    # Two-sided binomial test of 10 of 16: sign flips of equal size.
    assert comparison.p_value == pytest.approx(0.4545, abs=1e-4)
    assert comparison.p_value_exact


def test_the_report_has_general_sections_and_the_tasks_own(folder):
    run(folder)
    page = (folder / "out" / "report.html").read_text()
    sections = re.findall(r'<section id="([\w-]+)"', page)
    assert sections == [
        *("score", "results", "comparisons", "audit", "stages", "provenance", "wrong-answers")
    ]
    assert "exact match" in page
    assert "on the same questions" in page
    assert page.count(" instead of ") == 6
    assert "MAP@" not in page


def test_nothing_is_answered_twice(folder):
    first = run(folder)
    assert cached(first) == set()
    again = run(folder)
    assert cached(again) == {"answer prompt-word", "answer constant"}
    assert again.final.evaluation == first.final.evaluation
    assert again.final.texts == first.final.texts


def test_a_changed_setting_redoes_only_what_depends_on_it(folder):
    run(folder)
    other = [{"prompt-word": {"position": -1}}, {"constant": {"word": "Yes"}}]
    changed = run(folder, solvers=other)
    assert cached(changed) == {"answer constant"}
    assert changed.final.texts[0] == "gas"
    write_exam(folder, answers=False)
    assert cached(run(folder, solvers=other)) == set()


def test_a_change_in_the_package_redoes_what_it_answered(folder, installed, monkeypatch):
    from llmexam.stages import code

    run(folder)
    real = code._hash
    monkeypatch.setattr(code, "_code_hash", code._code_hash.__wrapped__)
    monkeypatch.setattr(code, "_hash", lambda p: "new" if p.name == "items.py" else real(p))
    assert cached(run(folder)) == set()


def test_an_interrupted_run_goes_on_where_it_was(folder, monkeypatch):
    from one_word.solvers import Constant

    def stop(self, items, progress):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Constant, "answer", stop)
        with pytest.raises(KeyboardInterrupt):
            run(folder)
    assert not (folder / "out" / "report.html").exists()
    assert cached(run(folder)) == {"answer prompt-word"}


def test_too_few_answers_are_an_error(folder, monkeypatch):
    from one_word.solvers import Constant

    monkeypatch.setattr(Constant, "answer", lambda self, items, progress: ["yes"])
    with pytest.raises(ScoreError, match="expected 16 answers from Constant, got 1"):
        run(folder)
    assert not (folder / "out" / "answers" / "constant.json").exists()


def test_the_plan_may_name_the_result(folder):
    content = run(folder, final="constant")
    assert content.final.name == "constant"
    assert (folder / "out" / "submission.csv").read_text().splitlines()[1] == "1,Yes"
    assert [one.name_b for one in content.comparisons] == ["prompt-word"]


def test_an_exam_without_answers_is_not_graded(folder):
    run(folder)
    write_exam(folder, answers=False)
    content = run(folder)
    assert content.final.evaluation is None
    assert not (folder / "out" / "metrics.json").exists()
    assert "This exam has no answers" in (folder / "out" / "report.html").read_text()


def test_solvers_that_left_the_plan_leave_the_folder(folder):
    run(folder)
    run(folder, solvers=["constant"])
    assert [path.name for path in (folder / "out" / "answers").iterdir()] == ["constant.json"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "one-wrod"}, r"plan\.yaml.*unknown task 'one-wrod'.*one-word"),
        ({"task": ["one-word"]}, "unknown task"),
        ({"task": "broken"}, "expected a class derived from .*Task for the task 'broken'"),
        ({"ensemble": {}}, "no setting 'ensemble'"),
        ({"solvers": ["lexical"]}, "unknown solver 'lexical'"),
        ({"solvers": [{"constant": {"wrod": "no"}}]}, "'constant' has no setting 'wrod'.*word"),
        ({"solvers": ["constant", "constant"]}, "two solvers have the name 'constant'"),
        ({"solvers": [{"solver": "constant", "name": "a/b"}]}, "expected letters, digits"),
        ({"solvers": []}, "at least 1"),
        ({"final": "constnat"}, "unknown solver 'constnat'.*constant"),
    ],
)
def test_mistakes_in_the_plan_are_named(folder, changes, message):
    with pytest.raises(SettingsError, match=message):
        run(folder, **changes)


def test_a_missing_file_is_named(folder):
    (folder / "words.csv").unlink()
    with pytest.raises(ExamError, match=r"words\.csv"):
        run(folder)


def test_the_command_runs_the_plan_and_prints_its_sections(folder):
    from llmexam.cli.app import app

    command = ["run", str(folder / "plan.yaml"), "--out", str(folder / "out")]
    done = CliRunner(env={"COLUMNS": "120"}).invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "exact match 0.6250" in done.output
    assert "prompt-word - constant" in done.output
    printed = CliRunner().invoke(app, [*command, "--json"])
    assert json.loads(printed.stdout)["schema_version"] == 2


def test_the_plan_that_is_kept_gives_the_same_run(folder):
    first = run(folder)
    again = run_plan(folder / "out" / "plan.yaml", folder / "again")
    assert again.final.evaluation == first.final.evaluation


def test_the_page_shows_the_files_of_this_room():
    shown = {block.file: block.text for block in blocks_of(PAGE) if block.file.endswith(".py")}
    assert shown == {
        path.relative_to(ROOM).as_posix(): path.read_text("utf-8")
        for path in (ROOM / "one_word").glob("*.py")
    }


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(folder, width):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip(f"there is no {chromium}")
    run(folder)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto((folder / "out" / "report.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        browser.close()
