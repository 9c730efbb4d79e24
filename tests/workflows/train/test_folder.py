"""What becomes of folders that a training is not to touch."""

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from llmexam.errors import RunError, ScoreError, SettingsError
from llmexam.workflows.run.pipeline import run_plan
from llmexam.workflows.train import one
from llmexam.workflows.train.pipeline import train_recipe

RECIPE = {
    "family": "ranker",
    "train": "bundled",
    "evidence": {"corpus": "bundled", "k": 2},
    "settings": {
        "members": ["lexical", "longest"],
        "kind": "logit",
        "n_folds": 2,
        "n_inner_folds": 2,
        "member_gains": False,
    },
    "n_resamples": 100,
}
PLAN = {"exam": "bundled", "solvers": ["longest"], "evaluation": {"n_resamples": 100}}


@pytest.fixture
def write(tmp_path):
    def write(name, values):
        (tmp_path / name).write_text(yaml.safe_dump(values))
        return tmp_path / name

    return write


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder that the training of `RECIPE` left; copy it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one, "write_curves", lambda path, *_: path.write_bytes(b""))
        train_recipe(folder / "recipe.yaml", folder / "out")
    return folder / "out"


def content(folder: Path):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_trainings_and_runs_leave_one_anothers_folders_alone(tmp_path, write, trained):
    recipe, plan = write("recipe.yaml", RECIPE), write("plan.yaml", PLAN)
    shutil.copytree(trained, tmp_path / "training")
    run_plan(plan, tmp_path / "run")
    before = content(tmp_path)
    with pytest.raises(RunError, match="files that are not of a run"):
        run_plan(plan, tmp_path / "training")
    with pytest.raises(RunError, match="files that are not of a training"):
        train_recipe(recipe, tmp_path / "run")
    changed = write("changed.yaml", {**RECIPE, "evidence": {"corpus": "bundled", "k": 3}})
    with pytest.raises(RunError, match=r"evidence\.k is 3, it was 2"):
        train_recipe(changed, tmp_path / "training")
    changed.unlink()
    assert content(tmp_path) == before


def test_members_that_cannot_be_used_are_refused_before_evidence_is_found(tmp_path, write, trained):
    member = {"solver": "longest", "out_of_fold": str(tmp_path / "none.parquet")}
    recipe = write("recipe.yaml", {**RECIPE, "settings": {"members": [member, "lexical"]}})
    with pytest.raises(ScoreError, match="out-of-fold score file of 'longest' not found"):
        train_recipe(recipe, tmp_path / "training")
    assert not (tmp_path / "training" / "evidence.jsonl").exists()
    member = {"solver": "ranker", "model": str(trained / "model")}
    recipe = write("second.yaml", {**RECIPE, "settings": {"members": [member, "lexical"]}})
    with pytest.raises(SettingsError, match="is a trained model and may have seen"):
        train_recipe(recipe, tmp_path / "second")
    assert not (tmp_path / "second" / "evidence.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        pytest.param(
            {**RECIPE, "split": {"train": 0.7, "test": 0.3}, "split_seeds": [1, 2]},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_fresh_deletes_only_what_the_training_left(tmp_path, write, recipe):
    path, out = write("recipe.yaml", recipe), tmp_path / "training"
    train_recipe(path, out)
    places = ["", "scores/", "split-ideas/", "seed-notes/"]
    mine = [out / f"{place}my_notes.md" for place in places]
    model = "split-1/model" if "split" in recipe else "model"
    (out / model / "my_notes.md").write_text(f"{model}/my_notes.md")
    for note in mine:
        note.parent.mkdir(exist_ok=True)
        note.write_text(str(note))
    before = (out / model / "llmexam.json").stat().st_mtime_ns
    assert not train_recipe(path, out, overwrite=True).was_done
    assert (out / model / "llmexam.json").stat().st_mtime_ns != before
    assert all(note.read_text() == str(note) for note in mine)
    aside = Path("split-1/set-aside/model") if "split" in recipe else Path("set-aside/model")
    assert (out / aside / "my_notes.md").read_text() == f"{model}/my_notes.md"
    assert [one.name for one in (out / aside).iterdir()] == ["my_notes.md"]


def test_links_are_refused_before_the_work(tmp_path, write, trained):
    recipe = write("recipe.yaml", RECIPE)
    names = ("model", "scores", "tracking", "training.html", "results.json", "model/llmexam.json")
    for number, name in enumerate(names):
        out, target = tmp_path / f"out-{number}", tmp_path / f"elsewhere-{number}"
        shutil.copytree(trained, out)
        target.mkdir()
        (target / "notes.md").write_text("mine")
        if (out / name).is_dir():
            shutil.rmtree(out / name)
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(target / "notes.md" if "." in name else target)
        for fresh in (False, True):
            with pytest.raises(RunError, match=r"is a symbolic link .*elsewhere.*Remove the link"):
                train_recipe(recipe, out, overwrite=fresh)
        assert (target / "notes.md").read_text() == "mine"


def test_a_folder_of_stages_of_another_kind_is_left_alone(tmp_path, write):
    (tmp_path / "training" / "stages").mkdir(parents=True)
    (tmp_path / "training" / "results.json").write_text("mine")
    with pytest.raises(RunError, match="files that are not of a training"):
        train_recipe(write("recipe.yaml", RECIPE), tmp_path / "training", overwrite=True)
    assert (tmp_path / "training" / "results.json").read_text() == "mine"
