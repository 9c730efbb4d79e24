import json

import pytest
import yaml
from tests.cli.in_process import llmexam

RECIPE = {
    "title": "A small ranker",
    "family": "ranker",
    "train": "bundled",
    "split": {"train": 0.7, "test": 0.3},
    "evidence": {"corpus": "bundled"},
    "settings": {
        "members": ["lexical", "longest"],
        "kind": "logit",
        "n_folds": 3,
        "n_inner_folds": 2,
        "member_gains": False,
    },
    "n_resamples": 100,
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(RECIPE))
    return tmp_path


def test_a_recipe_is_tried_trained_and_not_trained_twice(folder):
    tried = llmexam("train", "small.yaml", "--dry-run", "--set", "settings.n_folds=2", cwd=folder)
    assert tried.returncode == 0, tried.stderr
    assert "questions per epoch" in tried.stdout
    assert "graded: test" in tried.stdout
    assert not (folder / "trainings" / "small" / "model").exists()

    done = llmexam("train", "small.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "A small ranker: ranker" in done.stdout
    assert "test: gain over longest; random 0.3667, longest option" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "- train model" in done.stderr
    assert (folder / "trainings" / "small" / "model" / "llmexam.json").exists()

    again = llmexam("train", "small.yaml", "--json", cwd=folder)
    assert "already trained" in again.stderr
    results = json.loads(again.stdout)
    assert results["command"] == "llmexam train small.yaml"
    assert results["exams"]["test"]["n_questions"] == 36


def test_mistakes_are_told_in_one_line(folder):
    found = llmexam("train", "small.yaml", "--set", "families=bert", cwd=folder)
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1
    assert "Did you mean 'family'" in found.stderr
    assert llmexam("train", "none.yaml", cwd=folder).returncode == 2
