"""Records of results in formats of other projects."""

import json
import shutil

import pytest
import yaml
from tests.cli.in_process import llmexam

from llmexam.errors import RunError, SettingsError
from llmexam.workflows.export_results import export_results
from llmexam.workflows.run.pipeline import run_plan

PLAN = {
    "exam": "bundled",
    "solvers": ["first", "longest"],
    "final": "longest",
    "evaluation": {"n_resamples": 200, "positions": False},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "first"
    run_plan(PLAN, folder)
    return folder


@pytest.fixture(scope="module")
def metrics(run):
    return json.loads((run / "metrics.json").read_text())["final"]["metrics"]


def test_every_eval_ever_has_scores_intervals_and_hashes(run, metrics, tmp_path):
    out = tmp_path / "record.json"
    export_results(run, out, to="every-eval-ever", model="org/name", organization="We")
    record = json.loads(out.read_text())
    assert record["schema_version"] == "0.2.1"
    assert record["model_info"] == {"name": "org/name", "id": "org/name"}
    assert record["source_metadata"]["source_organization_name"] == "We"
    first, estimate = record["evaluation_results"][0], metrics[0]["estimate"]
    details = first["score_details"]
    assert details["score"] == estimate["value"]
    interval = details["uncertainty"]["confidence_interval"]
    assert (interval["lower"], interval["upper"]) == (estimate["low"], estimate["high"])
    assert interval["method"] == "bootstrap over items"
    assert details["uncertainty"]["num_samples"] == 120
    assert float(details["details"]["chance"]) == metrics[0]["chance"]
    assert first["source_data"] == {
        "dataset_name": "exam.csv",
        "source_type": "other",
        "additional_details": {"exam_hash": details["details"]["exam_hash"]},
    }
    # Every further detail is a text, as the schema wants it.
    assert all(
        isinstance(one, str) for one in record["eval_library"]["additional_details"].values()
    )
    assert len(record["evaluation_results"]) == len(metrics)


def test_records_do_not_show_folders_of_the_user(run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    manifest = json.loads((folder / "run.json").read_text())
    manifest["provenance"].update(
        {
            "index /home/anna/run/index/sparse": "sparse of /home/anna/corpus.jsonl",
            "index /home/anna/other/sparse": "C:\\Users\\anna\\corpus.jsonl",
            "model": "['/home/anna/models/reader', 'org/name']",
        }
    )
    (folder / "run.json").write_text(json.dumps(manifest))
    values = json.loads((folder / "metrics.json").read_text())
    values["command"] = f"llmexam run '/home/anna/my plan.yaml' --out {folder}"
    (folder / "metrics.json").write_text(json.dumps(values))
    for to in ("every-eval-ever", "model-index"):
        export_results(folder, tmp_path / to, to=to, model="m", hub_dataset="cais/mmlu")
        text = (tmp_path / to).read_text()
        assert "anna" not in text
        assert str(tmp_path) not in text
    record = json.loads((tmp_path / "every-eval-ever").read_text())
    details = record["eval_library"]["additional_details"]
    assert details["index sparse"] == "sparse of corpus.jsonl"
    assert details["index sparse (2)"] == "corpus.jsonl"
    assert details["model"] == "['reader', 'org/name']"
    assert "llmexam run 'my plan.yaml' --out run" in json.dumps(record)


def test_a_hub_dataset_is_named_as_such(run, tmp_path):
    out = tmp_path / "record.json"
    export_results(run, out, to="every-eval-ever", model="m", hub_dataset="cais/mmlu", split="test")
    source = json.loads(out.read_text())["evaluation_results"][0]["source_data"]
    assert (source["source_type"], source["hf_repo"], source["hf_split"]) == (
        "hf_dataset",
        "cais/mmlu",
        "test",
    )
    assert (source["dataset_name"], source["samples_number"]) == ("mmlu", 120)


def test_eval_results_of_the_hub(run, metrics, tmp_path):
    out = tmp_path / "mmlu.yaml"
    export_results(
        run,
        out,
        to="eval-results",
        model="m",
        hub_dataset="cais/mmlu",
        metric="accuracy",
        scale=100,
        url="https://example.org",
    )
    (entry,) = yaml.safe_load(out.read_text())
    assert entry["dataset"] == {"id": "cais/mmlu", "task_id": "default"}
    assert entry["value"] == pytest.approx(100 * metrics[1]["estimate"]["value"])
    assert entry["source"]["url"] == "https://example.org"
    assert "95% interval" in entry["notes"]
    assert "120 items" in entry["notes"]


def test_model_index_is_read_by_the_hub_library(run, metrics, tmp_path):
    data = pytest.importorskip("huggingface_hub.repocard_data")
    out = tmp_path / "card.yaml"
    export_results(run, out, to="model-index", model="name", hub_dataset="cais/mmlu")
    index = yaml.safe_load(out.read_text())["model-index"]
    name, found = data.model_index_to_eval_results(index)
    assert name == "name"
    assert [(one.metric_type, one.metric_value) for one in found] == [
        (one["name"], one["estimate"]["value"]) for one in metrics
    ]
    assert {(one.dataset_type, one.task_type) for one in found} == {
        ("cais/mmlu", "multiple-choice")
    }


def test_one_solver_of_a_run_and_the_output_of_evaluate(run, tmp_path):
    out = tmp_path / "record.json"
    export_results(run, out, to="every-eval-ever", model="m", solver="first")
    score = json.loads(out.read_text())["evaluation_results"][0]["score_details"]["score"]
    printed = llmexam("evaluate", "bundled", run / "scores" / "first.parquet", "--json").stdout
    (tmp_path / "grades.json").write_text(printed)
    found = llmexam(
        *("export-results", tmp_path / "grades.json", "--to", "every-eval-ever"),
        *("--model", "m", "--out", tmp_path / "again.json"),
    )
    assert found.returncode == 0
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["evaluation_results"][0]["score_details"]["score"] == score
    assert "m on grades, MAP@3" in found.stdout


def test_wrong_requests_write_nothing(run, tmp_path):
    out = tmp_path / "record.json"
    cases = [
        ({"to": "csv"}, SettingsError, "unknown value 'csv'"),
        ({"to": "eval-results"}, SettingsError, "needs the name of a dataset"),
        ({"to": "every-eval-ever", "solver": "lexcal"}, SettingsError, "no solver 'lexcal'"),
        ({"to": "every-eval-ever", "relationship": "friend"}, SettingsError, "'friend'"),
    ]
    for options, error, message in cases:
        with pytest.raises(error, match=message):
            export_results(run, out, model="m", **options)
    with pytest.raises(RunError, match="expected a file of metrics"):
        export_results(run / "plan.yaml", out, to="every-eval-ever", model="m")
    assert not out.exists()
    out.write_text("kept")
    with pytest.raises(RunError, match="the file exists"):
        export_results(run, out, to="every-eval-ever", model="m")
    assert out.read_text() == "kept"
