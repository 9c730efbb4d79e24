import json

import pytest
import typer
from typer.testing import CliRunner

from llmexam.cli.compare import compare
from llmexam.errors import SubmissionError
from llmexam.evaluation.results import FullComparison

app = typer.Typer()
app.command()(compare)


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "100"})


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path, 8)


def write_files(tmp_path, n):
    exam = tmp_path / "exam.csv"
    rows = [f"{i},Which {i}?,v,w,x,A" for i in range(n)]
    exam.write_text("\n".join(["id,prompt,A,B,C,answer", *rows]) + "\n")
    good, bad = tmp_path / "good[b].csv", tmp_path / "bad.csv"
    good.write_text("id,prediction\n" + "".join(f"{i},A B C\n" for i in range(n)))
    bad.write_text("id,prediction\n" + "".join(f"{i},B A C\n" for i in range(n)))
    return exam, good, bad


def test_both_scores_the_difference_and_the_test_are_shown(files):
    result = run(*files)
    assert result.exit_code == 0
    for text in ("good[b]", "1.0000", "difference", "0.5000", "p value 0.007812"):
        assert text in result.stdout
    assert "all sign flips" in result.stdout
    assert (
        "Of 8 questions, good[b] is better on 8 and bad on 0; they are equal on 0" in result.stdout
    )
    assert "accuracy@3" in result.stdout
    assert "Minimum detectable difference" in result.stdout


def test_json_is_the_result_and_nothing_else(files):
    result = run(*files, "--json", "--k", 2, "--seed", 3, "--level", 0.9)
    found = FullComparison.model_validate(json.loads(result.stdout))
    assert (found.metric.name, found.seed, found.level) == ("map_at_2", 3, 0.9)
    assert found.difference.value == 0.5
    assert found.p_value == pytest.approx(2 / 2**8)
    assert [one.metric.name for one in found.others] == ["accuracy", "accuracy_at_2"]
    assert [one.difference.value for one in found.others] == [1.0, 0.0]


def test_a_submission_of_another_exam_is_refused(files):
    exam, good, bad = files
    bad.write_text("id,prediction\n0,A\n")
    assert isinstance(run(exam, good, bad).exception, SubmissionError)


QUICK = ("--embedder", "bundled", "--resamples", 100)


@pytest.fixture
def prompts(tmp_path):
    rows = [(str(i), f"a {i}", f"b {i}", p) for i, p in enumerate(("Sing it.", "Sing it", "Go."))]
    exam, good, bad = (tmp_path / name for name in ("rewrites.csv", "good.csv", "bad.csv"))
    lines = ["id,original_text,rewritten_text,rewrite_prompt", *(",".join(row) for row in rows)]
    exam.write_text("\n".join(lines) + "\n")
    good.write_text("id,rewrite_prompt\n0,Sing it.\n1,Sing it.\n2,Stop.\n")
    bad.write_text("id,rewrite_prompt\n2,Stop.\n1,Swim.\n0,Swim.\n")
    return exam, good, bad


@pytest.mark.needs("encoders")
def test_prompts_are_compared_by_every_metric_and_by_groups_of_prompts(prompts):
    found = FullComparison.model_validate(json.loads(run(*prompts, *QUICK, "--json").stdout))
    assert found.metric.name == "sharpened_cosine"
    assert (found.n_better, found.n_ties, found.n_worse) == (2, 1, 0)
    assert found.noun == "row"
    names = [one.metric.name for one in found.others]
    assert names[0] == "sharpened_cosine_cleaned"
    assert {"lift", "character_f1", "exact_match"} < set(names)
    # Two groups of prompts, of which one is a tie: flipping signs changes one sum only.
    assert (found.p_value, found.p_value_exact) == (1.0, True)
    shown = run(*prompts, *QUICK).stdout
    assert "Of 3 rows, good is better on 2 and bad on 0; they are equal on 1" in shown
    assert "exact match" in shown


def test_prompts_have_no_k(prompts):
    assert "no setting 'k'" in str(run(*prompts, "--k", 3).exception)


def test_a_submission_of_another_task_is_refused(prompts, files):
    assert "'rewrite_prompt' is missing" in str(run(prompts[0], *files[1:]).exception)
    assert "'prediction' is missing" in str(run(files[0], *prompts[1:]).exception)


def test_two_runs_need_no_exam(tmp_path):
    error = run(tmp_path, tmp_path).exception
    assert "expected the folder of a run, which has a plan.yaml" in str(error)
    error = run(tmp_path, tmp_path, "--task", "prompt-recovery").exception
    assert "say what their exam is" in str(error)


def test_several_results_get_adjusted_p_values(files):
    exam, good, bad = files
    found = json.loads(run(exam, good, bad, good, "--json").stdout)
    assert found["family"] == "comparisons with the first result"
    first, second = found["comparisons"]
    assert (first["p_value"], second["p_value"]) == (pytest.approx(2 / 2**8), 1.0)
    assert first["adjusted"]["holm"] == pytest.approx(4 / 2**8)
    assert first["adjusted"]["n_tests"] == 2
    shown = run(exam, good, bad, good).stdout
    assert "Differences of good[b] to each other result on 8 questions" in shown
    assert "adjusted for the 2 comparisons with the first result by MAP@3" in shown


@pytest.mark.parametrize(
    ("swapped", "verdict"),
    [
        (False, "good[b] is not worse than bad by more than 0.02"),
        (True, "bad is worse than good[b] by more than 0.02"),
    ],
)
def test_a_margin_adds_a_verdict(tmp_path, swapped, verdict):
    exam, *both = files = write_files(tmp_path, 30)
    shown = run(exam, *(reversed(both) if swapped else both), "--margin", 0.02).stdout
    assert f"Margin 0.02: {verdict}" in " ".join(shown.split())
    assert "Margin" not in run(*files).stdout


def test_clusters_are_resampled_together(files, tmp_path):
    clusters = tmp_path / "clusters.csv"
    clusters.write_text("id,cluster\n" + "".join(f"{i},{i // 4}\n" for i in range(8)))
    result = run(*files, "--cluster-by", clusters)
    assert "p value 0.5 " in result.stdout
    assert "Intervals resample 2 clusters by clusters.csv, the largest with 4" in result.stdout
    assert "With fewer than 20 clusters" in result.stdout
    wrong = run(*files, "--cluster-by", "article").exception
    assert "no item has the metadata field 'article'" in str(wrong)
