import pytest
import yaml

from llmexam.errors import SettingsError
from llmexam.workflows.recipe import parse_recipe, read_recipe
from llmexam.workflows.train import recipe_yaml

GOOD = {"family": "ranker", "train": "a.csv", "settings": {"members": ["lexical"]}}


def parse(tmp_path, **values):
    return parse_recipe({**GOOD, **values}, base=tmp_path)


def test_a_short_recipe_gets_its_defaults_and_paths(tmp_path):
    recipe = parse(tmp_path, train=["a.csv", {"path": "b.csv", "n_questions": 5}], dev="none")
    assert [file.path for file in recipe.train] == [
        str(tmp_path / "a.csv"),
        str(tmp_path / "b.csv"),
    ]
    assert recipe.train[1].n_questions == 5
    assert recipe.dev is None
    assert recipe.settings["kind"] == "blend"
    assert recipe.runs == (("model", recipe.settings),)


def test_what_is_written_is_read_again(tmp_path):
    recipe = parse(
        tmp_path,
        split={"test": 0.2, "train": 0.5, "dev": 0.3},
        evidence={"corpus": ["bundled", "c.jsonl"], "k": 3},
        report_on="bundled",
        tracking="tensorboard",
    )
    (tmp_path / "recipe.yaml").write_text(recipe_yaml(recipe))
    again = read_recipe(tmp_path / "recipe.yaml")
    assert again == recipe
    assert list(again.shares) == ["train", "dev", "test"]
    assert again.tracking.to == "tensorboard"


def test_keys_are_changed_by_nested_changes(tmp_path):
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(GOOD))
    recipe = read_recipe(tmp_path / "r.yaml", {"settings": {"kind": "logit"}, "folds": 4})
    assert (recipe.settings["kind"], recipe.folds) == ("logit", 4)
    assert recipe.settings["members"][0]["solver"] == "lexical"


WRONG = {
    "unknown key": ({"fold": 3}, "Did you mean 'folds'"),
    "unknown setting": ({"settings": {"knd": 1, "members": ["lexical"]}}, "Did you mean 'kind'"),
    "family": ({"family": "bert"}, "family"),
    "no train share": ({"split": {"dev": 1.0}}, "no share for train"),
    "dev twice": ({"split": {"train": 0.5, "dev": 0.5}, "dev": "d.csv"}, "give one of them"),
    "seed twice": ({"seeds": [1, 1]}, "stands twice"),
    "seeds of what draws nothing": ({"seeds": [1, 2]}, "seed"),
    "one fold": ({"folds": 1}, "folds"),
    "no files": ({"train": []}, "train"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path, name):
    values, message = WRONG[name]
    if name == "seeds of what draws nothing":
        values = {**values, "settings": {"members": ["lexical"], "seed": 3}}
        message = "give one of them"
    with pytest.raises(SettingsError, match=message):
        parse(tmp_path, **values)


def test_a_file_that_is_no_recipe_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="no such recipe"):
        read_recipe(tmp_path / "missing.yaml")
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(SettingsError, match="a recipe is a mapping"):
        read_recipe(tmp_path / "list.yaml")
    with pytest.raises(SettingsError, match="not a YAML file"):
        read_recipe(tmp_path)
