import subprocess
import sys

import pytest
import yaml

from llmexam.errors import SettingsError
from llmexam.workflows.train.recipe import parse_recipe, read_recipe, recipe_yaml

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
    assert recipe.settings.kind == "blend"
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
    assert (recipe.settings.kind, recipe.folds) == ("logit", 4)
    assert recipe.settings.members[0].solver == "lexical"


WRONG = {
    "unknown key": ({"fold": 3}, "Did you mean 'folds'"),
    "unknown setting": (
        {"settings": {"knd": 1, "members": ["lexical"]}},
        r"field 'settings\.knd'.*Did you mean 'kind'",
    ),
    "unknown setting inside": (
        {"family": "multiple-choice", "settings": {"encoding": {"max_token": 64}}},
        r"field 'settings\.encoding\.max_token'.*Did you mean 'max_tokens'",
    ),
    "family": ({"family": "bert"}, "family"),
    "no train share": ({"split": {"dev": 1.0}}, "needs a share for train"),
    "dev twice": ({"split": {"train": 0.5, "dev": 0.5}, "dev": "d.csv"}, "Remove one of them"),
    "seed twice": ({"seeds": [1, 1]}, "contains a seed twice"),
    "seeds of what draws nothing": ({"seeds": [1, 2]}, "seed"),
    "one fold": ({"folds": 1}, "folds"),
    "no files": ({"train": []}, "train"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path, name):
    values, message = WRONG[name]
    if name == "seeds of what draws nothing":
        values = {**values, "settings": {"members": ["lexical"], "seed": 3}}
        message = "Remove one of them"
    with pytest.raises(SettingsError, match=message):
        parse(tmp_path, **values)


def test_a_file_that_is_no_recipe_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="recipe file not found"):
        read_recipe(tmp_path / "missing.yaml")
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(SettingsError, match="expected a recipe, which is a mapping"):
        read_recipe(tmp_path / "list.yaml")
    with pytest.raises(SettingsError, match="expected a YAML file"):
        read_recipe(tmp_path)


class TestPathsOfModels:
    """A model is taken from beside the recipe if it lies there; other names are left alone."""

    def settings(self, folder, **settings):
        recipe = parse_recipe(
            {"family": "bi-encoder", "train": "a.csv", "settings": settings}, base=folder
        )
        return recipe.settings

    def test_a_folder_beside_the_recipe_is_taken_from_there(self, tmp_path):
        (tmp_path / "trainings" / "one" / "model").mkdir(parents=True)
        (tmp_path / "recipes").mkdir()
        here = self.settings(tmp_path, model="trainings/one/model")
        assert here.model == str(tmp_path / "trainings/one/model")
        above = self.settings(tmp_path / "recipes", model="../trainings/one/model")
        assert above.model == str(tmp_path / "recipes/../trainings/one/model")

    @pytest.mark.parametrize("name", ["bundled", "intfloat/e5-small-v2", "e5-small", "/no/such"])
    def test_other_names_stay(self, tmp_path, name):
        (tmp_path / "bundled").mkdir()
        assert self.settings(tmp_path, model=name).model == name

    def test_a_folder_that_is_not_there_yet_is_named_as_it_would_be(self, tmp_path):
        made = self.settings(tmp_path, model="../later/model")
        assert made.model == str(tmp_path / "../later/model")

    def test_members_and_their_scores_are_taken_from_there(self, tmp_path):
        (tmp_path / "reader").mkdir()
        member = {"solver": "bi-encoder", "model": "reader", "out_of_fold": "reader/oof.parquet"}
        recipe = parse(tmp_path, settings={"members": ["lexical", member]})
        lexical, reader = recipe.settings.members
        assert reader.settings.model == str(tmp_path / "reader")
        assert reader.out_of_fold == tmp_path / "reader/oof.parquet"
        assert lexical.out_of_fold is None
        (tmp_path / "again.yaml").write_text(recipe_yaml(recipe))
        assert read_recipe(tmp_path / "again.yaml") == recipe

    def test_judgements_and_the_evidences_models_are_taken_from_there(self, tmp_path):
        (tmp_path / "encoder").mkdir()
        recipe = parse_recipe(
            {
                "family": "reranker",
                "train": "a.csv",
                "settings": {"judgements": "qrels.txt"},
                "evidence": {"model": "encoder", "reranker": "cross/encoder"},
            },
            base=tmp_path,
        )
        assert recipe.settings.judgements == str(tmp_path / "qrels.txt")
        assert recipe.evidence.model == str(tmp_path / "encoder")
        assert recipe.evidence.reranker.model == "cross/encoder"

    def test_files_that_may_be_names_are_taken_from_there(self, tmp_path):
        def settings(template, deepspeed):
            recipe = parse_recipe(
                {
                    "family": "causal-lm",
                    "train": "a.csv",
                    "settings": {
                        "model": "m",
                        "encoding": {"template": template},
                        "deepspeed": deepspeed,
                    },
                },
                base=tmp_path,
            )
            return recipe.settings.encoding.template, recipe.settings.deepspeed

        assert settings("alpaca", "zero2") == ("alpaca", "zero2")
        assert settings("letters", None) == ("letters", None)
        here = (str(tmp_path / "own" / "mine.yaml"), str(tmp_path / "../ds.json"))
        assert settings("own/mine.yaml", "../ds.json") == here
        assert settings("/far/mine.yml", "/far/ds.json") == ("/far/mine.yml", "/far/ds.json")

    def test_changes_start_at_the_recipes_folder_too(self, tmp_path, monkeypatch):
        (tmp_path / "work").mkdir()
        monkeypatch.chdir(tmp_path / "work")
        given = {"family": "causal-lm", "train": "a.csv", "settings": {"model": "m"}}
        (tmp_path / "r.yaml").write_text(yaml.safe_dump(given))
        changes = {"encoding": {"template": "mine.yaml"}, "deepspeed": "ds.json"}
        recipe = read_recipe(tmp_path / "r.yaml", {"train": "b.csv", "settings": changes})
        assert recipe.train[0].path == str(tmp_path / "b.csv")
        assert recipe.settings.encoding.template == str(tmp_path / "mine.yaml")
        assert recipe.settings.deepspeed == str(tmp_path / "ds.json")
        (tmp_path / "again.yaml").write_text(recipe_yaml(recipe))
        assert read_recipe(tmp_path / "again.yaml") == recipe

    def test_the_kept_recipe_has_absolute_models(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "near").mkdir()
        recipe = parse_recipe(
            {"family": "bi-encoder", "train": "a.csv", "settings": {"model": "near"}},
            base=tmp_path / "elsewhere",
        )
        assert recipe.settings.model == "near"
        kept = yaml.safe_load(recipe_yaml(recipe))
        assert kept["settings"]["model"] == str(tmp_path / "near")


def test_a_misspelt_setting_is_told_before_torch_is_imported(tmp_path):
    given = {"family": "multiple-choice", "train": "bundled", "settings": {"n_epoch": 1}}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(given))
    code = """
import sys
from llmexam.errors import SettingsError
from llmexam.workflows.train.pipeline import train_recipe
try:
    train_recipe(sys.argv[1], sys.argv[2])
except SettingsError as error:
    print(error)
print(sorted({"torch", "transformers", "sentence_transformers", "lightgbm"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "r.yaml", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=True,
    )
    message, imported = done.stdout.splitlines()
    assert "field 'settings.n_epoch'" in message
    assert "Did you mean 'n_epochs'" in message
    assert imported == "[]"


@pytest.mark.parametrize("given", ["b.csv", ["b.csv"], [{"path": "b.csv"}]])
def test_a_part_of_what_is_given_in_short_can_be_changed(tmp_path, given):
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({**GOOD, "dev": "d.csv", "report_on": given}))
    changes = {"dev": {"n_questions": 10}, "report_on": {"n_questions": 5}}
    recipe = read_recipe(tmp_path / "r.yaml", changes)
    assert (recipe.dev.path, recipe.dev.n_questions) == (str(tmp_path / "d.csv"), 10)
    (reported,) = recipe.report_on
    assert (reported.path, reported.n_questions) == (str(tmp_path / "b.csv"), 5)


def test_what_a_recipe_lacks_is_told_with_how_to_give_it(tmp_path):
    with pytest.raises(SettingsError, match=r"'settings\.model'.*--set settings\.model=FOLDER"):
        parse(tmp_path, family="causal-lm", settings={})
    with pytest.raises(SettingsError, match=r"needs .train.*: exam files to train on.*train: FILE"):
        parse_recipe({"family": "bi-encoder"}, base=tmp_path)
    with pytest.raises(SettingsError, match=r"needs 'dev\.path'.*Set it: path: FILE"):
        parse(tmp_path, dev={"n_questions": 10})
