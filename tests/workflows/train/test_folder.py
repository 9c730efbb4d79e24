"""What becomes of folders that a training is not to touch."""

import hashlib
from pathlib import Path

import pytest
import yaml

from llmexam.errors import RunError, ScoreError, SettingsError
from llmexam.workflows.run.pipeline import run_plan
from llmexam.workflows.train.pipeline import train_recipe

RECIPE = {
    "family": "ranker",
    "train": "bundled",
    "evidence": {"corpus": "bundled", "k": 2},
    "settings": {"members": ["lexical", "longest"], "kind": "logit", "n_folds": 2},
    "n_resamples": 100,
}
PLAN = {"exam": "bundled", "solvers": ["longest"], "evaluation": {"n_resamples": 100}}


@pytest.fixture
def write(tmp_path):
    def write(name, values):
        (tmp_path / name).write_text(yaml.safe_dump(values))
        return tmp_path / name

    return write


def content(folder: Path):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_trainings_and_runs_leave_one_anothers_folders_alone(tmp_path, write):
    recipe, plan = write("recipe.yaml", RECIPE), write("plan.yaml", PLAN)
    train_recipe(recipe, tmp_path / "training")
    run_plan(plan, tmp_path / "run")
    before = content(tmp_path)
    with pytest.raises(RunError, match="something other than a run"):
        run_plan(plan, tmp_path / "training")
    with pytest.raises(RunError, match="something other than a training"):
        train_recipe(recipe, tmp_path / "run")
    changed = write("changed.yaml", {**RECIPE, "evidence": {"corpus": "bundled", "k": 3}})
    with pytest.raises(RunError, match=r"evidence\.k is 3, it was 2"):
        train_recipe(changed, tmp_path / "training")
    changed.unlink()
    assert content(tmp_path) == before


def test_members_that_cannot_be_used_are_refused_before_evidence_is_found(tmp_path, write):
    member = {"solver": "longest", "out_of_fold": str(tmp_path / "none.parquet")}
    recipe = write("recipe.yaml", {**RECIPE, "settings": {"members": [member, "lexical"]}})
    with pytest.raises(ScoreError, match="out-of-fold scores of 'longest' are not there"):
        train_recipe(recipe, tmp_path / "training")
    assert not (tmp_path / "training" / "evidence.jsonl").exists()
    train_recipe(write("first.yaml", RECIPE), tmp_path / "first")
    trained = {"solver": "ranker", "model": str(tmp_path / "first" / "model")}
    recipe = write("second.yaml", {**RECIPE, "settings": {"members": [trained, "lexical"]}})
    with pytest.raises(SettingsError, match="was trained, and may have seen"):
        train_recipe(recipe, tmp_path / "second")
    assert not (tmp_path / "second" / "evidence.jsonl").exists()
