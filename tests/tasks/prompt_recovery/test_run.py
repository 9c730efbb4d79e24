"""The task from plan to report, with the bundled sample and the real MiniLM."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from llmexam.errors import ExamError, ScoreError, SettingsError
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.recoverers.baselines import Constant
from llmexam.recovery.submission import read_submission
from llmexam.sample import REWRITES_PATH
from llmexam.tasks.prompt_recovery import plan as plan_module
from llmexam.tasks.prompt_recovery.plan import RecoveryPlan
from llmexam.tasks.prompt_recovery.rows import compared
from llmexam.workflows.browse.opened import open_run
from llmexam.workflows.run.pipeline import run_plan

PLAN = {
    "task": "prompt-recovery",
    "exam": "bundled",
    "folds": {"n": 3},
    "solvers": ["nearest-neighbours", "constant"],
    "evaluation": {"embedder": "bundled", "n_resamples": 200},
}


def run(folder, **changes):
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    return run_plan(folder / "plan.yaml", folder / "out", changes=changes)


def cached(content):
    return {record.name for record in content.stages if record.cached}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return run(folder), folder / "out"


def split(tmp_path):
    """The sample in two files: one to learn from, one without prompts."""
    with REWRITES_PATH.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, part, columns in (
        ("train.csv", rows[:40], ["id", "original_text", "rewritten_text", "rewrite_prompt"]),
        ("test.csv", rows[40:], ["id", "original_text", "rewritten_text"]),
    ):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(part)


def test_a_run_leaves_answers_metrics_submission_and_report(finished):
    content, out = finished
    assert set(json.loads((out / "run.json").read_text())["files"]) == {
        *("answers/constant.json", "answers/nearest-neighbours.json"),
        *("metrics.json", "plan.yaml", "report.html", "submission.csv"),
    }
    metrics = json.loads((out / "metrics.json").read_text())
    names = [metric["name"] for metric in metrics["final"]["metrics"]]
    assert names == [
        *("sharpened_cosine", "sharpened_cosine_cleaned", "share_removed", "lift"),
        *("prompt_map_at_3", "character_f1", "exact_match"),
    ]
    submission = read_submission(out / "submission.csv", read_rewrites(REWRITES_PATH))
    assert tuple(submission.values()) == content.final.texts


def test_no_row_is_answered_by_a_recoverer_that_saw_its_group(finished):
    content, out = finished
    answers = json.loads((out / "answers" / "nearest-neighbours.json").read_text())["answers"]
    folds = np.array([one["fold"] for one in answers])
    prompts = np.array(content.exam.prompts)
    for fold in range(3):
        given = {one["answer"] for one in answers if one["fold"] == fold}
        assert not given & set(prompts[folds == fold])
        assert given <= set(prompts[folds != fold])


def test_nothing_is_recovered_twice(tmp_path):
    first = run(tmp_path)
    again = run(tmp_path)
    assert cached(first) == set()
    assert cached(again) == {"recover with nearest-neighbours", "recover with constant"}
    assert again.final.recoveries == first.final.recoveries
    other = run(tmp_path, folds={"n": 4})
    # A constant learns nothing, so folds do not matter to it.
    assert cached(other) == {"recover with constant"}


def test_training_rows_of_another_file(tmp_path):
    split(tmp_path)
    plan = {**PLAN, "exam": "test.csv", "train": "train.csv"}
    del plan["folds"]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    content = run_plan(tmp_path / "plan.yaml", tmp_path / "out")
    assert content.final.evaluation is None
    train = read_rewrites(tmp_path / "train.csv")
    assert set(content.final.texts) <= set(train.prompts)
    assert not (tmp_path / "out" / "metrics.json").exists()
    assert len((tmp_path / "out" / "submission.csv").read_text().splitlines()) == 21
    assert "40 of" in content.provenance["training rows"]


def test_training_rows_are_read_once(tmp_path, monkeypatch):
    split(tmp_path)
    read = []
    monkeypatch.setattr(
        plan_module,
        "read_rewrites",
        lambda paths, **how: read.extend(paths) or read_rewrites(paths, **how),
    )
    plan = {**PLAN, "exam": "test.csv", "train": "train.csv"}
    del plan["folds"]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    run_plan(tmp_path / "plan.yaml", tmp_path / "out")
    assert [path.name for path in read] == ["test.csv", "train.csv"]


def test_leaks_to_training_rows_are_findings(tmp_path):
    split(tmp_path)
    content = run(tmp_path, train="train.csv")
    checks = {finding.check for finding in content.audit}
    assert {"texts in training data", "prompts in training data"} <= checks


def test_one_source_is_left_out_at_a_time(tmp_path):
    content = run(tmp_path, folds={"by": "topic"})
    assert content.provenance["folds"].startswith("60 by topic")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": None}, "'nearest-neighbours' learns from rows with known prompts"),
        ({"folds": {"by": "subject"}}, "expected a column 'subject' with at least 2 values"),
        ({"folds": {"n": 50}}, "cannot make 50 folds of 2. groups"),
        ({"solvers": ["lexical"]}, "unknown recoverer 'lexical'"),
        ({"solvers": [{"constant": {"txet": "x"}}]}, "no setting 'txet'.*text"),
        ({"train": "none.csv"}, r"none\.csv.*file not found"),
        ({"exam": {"path": "bundled", "fields": {"id": "number", "x": "y"}}}, "unknown field 'x'"),
        ({"exam": {"path": "bundled", "format": "xml"}}, "unknown format 'xml'"),
        ({"ensemble": {}}, "no setting 'ensemble'"),
    ],
)
def test_mistakes_in_the_plan_are_named(tmp_path, changes, message):
    with pytest.raises((SettingsError, ExamError), match=message):
        run(tmp_path, **changes)


def test_folds_need_prompts(tmp_path):
    split(tmp_path)
    with pytest.raises(ExamError, match="folds need an exam with known prompts"):
        run(tmp_path, exam="test.csv")


def test_a_blank_prompt_is_an_error_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(Constant, "recover", lambda self, items, p=None: [Recovery(" ")] * 60)
    with pytest.raises(ScoreError, match="row with id '1', got a blank one"):
        run(tmp_path, solvers=["constant"])
    assert not (tmp_path / "out" / "answers").exists() or not list(
        (tmp_path / "out" / "answers").iterdir()
    )


def test_the_report_shows_what_changed_and_gamed_prompts(tmp_path):
    text = "Rewrite this lucrarea <b>x</b>"
    content = run(tmp_path, solvers=[{"constant": {"text": text}}])
    page = (tmp_path / "out" / "report.html").read_text()
    sections = re.findall(r'<section id="([\w-]+)"', page)
    assert sections == [
        *("score", "results", "metrics", "distribution", "slices", "rewrites"),
        *("audit", "stages", "provenance"),
    ]
    assert "60 prompts with meaningless tokens;" in page
    loss = content.final.rows.loss
    assert page.count('data-verdict="gamed"') == (loss >= 0.05).sum()
    assert "<b>x</b>" not in page
    cosine, cleaned = content.final.evaluation.metrics[:2]
    assert cosine.estimate.value != cleaned.estimate.value


def test_a_gamed_metric_shows_by_a_second_embedder(tmp_path):
    """The same folder again, so that only names differ; a real second embedder is slow."""
    second = {"embedder": "bundled", "second_embedder": "bundled", "n_resamples": 100}
    content = run(tmp_path, solvers=["constant"], evaluation=second)
    found = {m.name: m.estimate.value for m in content.final.evaluation.metrics}
    assert found["sharpened_cosine_second"] == found["sharpened_cosine"]


def test_intervals_resample_groups_of_prompts(finished):
    content, _ = finished
    values = content.final.scores
    naive = values.std(ddof=1) / len(values) ** 0.5 * 2 * 1.96
    estimate = content.final.evaluation.primary.estimate
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.high - estimate.low > naive


def test_texts_are_compared_word_by_word():
    before, after = compared("the red cat sat", "the blue cat sat down")
    assert before == (("the ", False), ("red ", True), ("cat sat", False))
    assert "".join(text for text, _ in after) == "the blue cat sat down"
    long = "x " * 2000
    assert compared(long, "y") == (((long, False),), (("y", False),))


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_the_page_fits_a_phone_and_a_screen(finished, width):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip(f"there is no {chromium}")
    _, out = finished
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto((out / "report.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.locator("#row-1 ins").count() > 3
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.locator("#find").fill("zzqqxx")
        page.locator("#none").wait_for()
        page.locator("#reset").click()
        assert page.locator(".filterable:visible").count() == 60
        browser.close()


@pytest.mark.slow
def test_the_demo_runs_and_submits(tmp_path):
    content = run_plan("recovery-demo", tmp_path / "run")
    assert len(content.solvers) == 5
    assert content.final.evaluation.n_items == 60


@pytest.mark.slow
def test_vectors_are_kept_where_the_plan_says_and_no_key_depends_on_it(tmp_path):
    first = run(tmp_path)
    again = run(tmp_path, vector_cache="vectors")
    # A changed cache recovers nothing again.
    assert cached(again) == {"recover with nearest-neighbours", "recover with constant"}
    assert again.final.texts == first.final.texts
    assert list((tmp_path / "vectors").rglob("answers.sqlite"))
    other = run(tmp_path, vector_cache="vectors", folds={"n": 4})
    plan = RecoveryPlan.parse({**PLAN, "vector_cache": tmp_path / "vectors"}, subject="plan")
    assert plan.recoverers[0].settings.vector_cache == tmp_path / "vectors"
    assert plan.grading.vector_cache == tmp_path / "vectors"
    assert len(other.final.texts) == 60


def test_the_grades_of_rows_are_kept_for_pages(finished):
    content, out = finished
    opened = open_run(out)
    assert opened.problem == ""
    kept, made = opened.recovery.final.rows, content.final.rows
    assert list(kept.metrics) == list(made.metrics)
    for name, values in made.metrics.items():
        np.testing.assert_array_equal(kept.metrics[name], values)
    np.testing.assert_array_equal(kept.loss, made.loss)
    assert kept.facets == {name: list(pairs) for name, pairs in made.facets.items()}
    best = opened.recovery.find(sort="best")
    assert best[0] == int(np.argmax(made.scores))
    view = opened.recovery.row(best[0])
    assert view.truth == content.exam[best[0]].prompt
    assert [one.name for one in view.others] == ["constant"]
    names = [section.name for section, _ in opened.sections()]
    assert {"score", "metrics", "distribution"} <= set(names)


def test_rows_are_found_by_text_and_score(finished):
    _, out = finished
    recovery = open_run(out).recovery
    n = len(recovery.exam)
    assert sorted(recovery.find(mark="high") + recovery.find(mark="low")) == list(range(n))
    prompt = recovery.exam[3].prompt
    assert 3 in recovery.find(text=f'"{prompt}"')
    with pytest.raises(SettingsError, match="unknown mark"):
        recovery.find(mark="none")
