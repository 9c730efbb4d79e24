"""A recipe that is repeated over several splits."""

import json
from statistics import fmean

import pytest
import yaml

from llmexam.errors import RunError, SettingsError
from llmexam.exam.loading import load_exam
from llmexam.exam.writers import write_exam
from llmexam.workflows.train.pipeline import dry_run, train_recipe
from llmexam.workflows.train.recipe import parse_recipe, read_recipe, recipe_yaml
from llmexam.workflows.train.splits import over_splits

SPLIT = {"train": 0.5, "dev": 0.25, "test": 0.25}


@pytest.fixture
def recipe(fake_family, tmp_path):
    """A recipe over half the sample, as a function of what to change."""

    def write(**values):
        given = {
            "family": "multiple-choice",
            "train": "exam.jsonl",
            "split": SPLIT,
            "n_resamples": 100,
            **values,
        }
        exam = load_exam("bundled").subset(range(60))
        write_exam(tmp_path / "exam.jsonl", exam, format="jsonl")
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(given))
        return tmp_path / "recipe.yaml"

    return write


@pytest.mark.slow
def test_each_split_is_the_training_that_it_would_be_alone(recipe, tmp_path):
    done = train_recipe(recipe(split_seeds=[5, 6, 7]), tmp_path / "out")
    table = done.results["over_splits"]["exams"]["test"]["table"]
    assert [row["split"] for row in table] == ["split-5", "split-6", "split-7"]
    for row in table:
        seed = int(row["split"].removeprefix("split-"))
        alone = train_recipe(recipe(split_seed=seed), tmp_path / f"alone-{seed}").results
        both = json.loads((tmp_path / "out" / row["split"] / "results.json").read_text())
        assert both["exams"] == alone["exams"]
        told = alone["exams"]["test"]
        assert row["after"] == told["after"]["metrics"][0]["estimate"]["value"]
        assert row["gain_over_longest"] == told["gains"]["longest"]["difference"]["value"]
        assert (row["longest"], row["random"]) == (
            told["baselines"]["longest"],
            told["baselines"]["random"],
        )
    assert len({row["after"] for row in table}) > 1


def metric(name, value):
    return {
        "name": name,
        "label": name,
        "explanation": "",
        "higher_is_better": True,
        "bounds": [0, 1],
        "estimate": {"value": value, "low": value, "high": value},
        "chance": 0.3667,
        "baselines": {},
        "minimum_detectable_difference": 0.1,
    }


def test_the_mean_has_a_t_interval_over_splits():
    def gave(after, longest):
        told = {
            "n_questions": 10,
            "before": None,
            "after": {"metrics": [metric("map_at_3", after), metric("accuracy", after)]},
            "gains": {"longest": {"difference": {"value": after - longest}}},
            "baselines": {"random": 0.3667, "longest": longest},
        }
        return {"n_train": 20, "exams": {"test": told}}

    splits = {"split-1": gave(0.5, 0.25), "split-2": gave(0.7, 0.25), "split-3": gave(0.6, 0.25)}
    found = over_splits(splits)
    figures = found["exams"]["test"]["figures"]
    # Two degrees of freedom: t is 4.3027, and the standard error 0.1 / sqrt(3).
    assert figures["after"]["value"] == pytest.approx(0.6)
    assert figures["after"]["high"] - 0.6 == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert 0.6 - figures["after"]["low"] == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert figures["gain_over_longest"]["value"] == pytest.approx(0.35)
    assert (figures["longest"]["low"], figures["longest"]["high"]) == (0.25, 0.25)
    assert (figures["after"]["lowest"], figures["after"]["highest"]) == (0.5, 0.7)


@pytest.mark.slow
def test_finished_splits_are_not_done_again_and_may_be_added_to(recipe, fake_family, tmp_path):
    out = tmp_path / "out"
    train_recipe(recipe(split_seeds=[1, 2]), out)
    assert len(fake_family.fitted) == 2
    assert train_recipe(recipe(split_seeds=[1, 2]), out).was_done
    done = train_recipe(recipe(split_seeds=[1, 2, 3]), out)
    assert not done.was_done
    assert len(fake_family.fitted) == 3
    figures = done.results["over_splits"]["exams"]["test"]
    assert figures["figures"]["after"]["value"] == pytest.approx(
        fmean(row["after"] for row in figures["table"])
    )
    assert json.loads((out / "results.json").read_text()) == done.results
    with pytest.raises(RunError, match=r"settings\.power is 2.0"):
        train_recipe(recipe(split_seeds=[1, 2]), out, changes={"settings": {"power": 2.0}})
    train_recipe(recipe(split_seeds=[3, 2]), out, overwrite=True)
    assert len(fake_family.fitted) == 5
    # The file of the fake family is none that a trainer of llmexam writes: it is set aside.
    assert [path.name for path in (out / "split-1").iterdir()] == ["set-aside"]


def test_a_stopped_split_goes_on_and_the_others_are_kept(recipe, fake_family, tmp_path):
    out = tmp_path / "out"
    path = recipe(split_seeds=[1, 2])
    fit = fake_family.fit

    def stop_at_second(self, train, dev, folder, **kwargs):
        if "split-2" in str(folder):
            raise KeyboardInterrupt
        return fit(self, train, dev, folder, **kwargs)

    fake_family.fit = stop_at_second
    with pytest.raises(KeyboardInterrupt):
        train_recipe(path, out)
    assert not (out / "results.json").exists()
    fake_family.fit = fit
    train_recipe(path, out)
    assert len(fake_family.fitted) == 2


@pytest.mark.slow
def test_weights_are_kept_of_the_first_split_only(recipe, tmp_path):
    out = tmp_path / "out"
    train_recipe(recipe(split_seeds=[4, 2], seeds=[8, 9]), out)
    assert sorted(path.parent.relative_to(out).as_posix() for path in out.rglob("counts.json")) == [
        "split-4/seed-8",
        "split-4/seed-9",
    ]
    assert (out / "split-2" / "scores" / "test-seed-8.parquet").exists()


@pytest.mark.slow
def test_evidence_is_found_once_for_all_splits(recipe, fake_family, tmp_path):
    out = tmp_path / "out"
    train_recipe(recipe(split_seeds=[1, 2], evidence={"corpus": "bundled", "k": 2}), out)
    assert len(list(out.rglob("evidence.jsonl"))) == 1
    assert len((out / "evidence.jsonl").read_text().splitlines()) == 60
    alone = tmp_path / "alone"
    train_recipe(recipe(split_seed=2, evidence={"corpus": "bundled", "k": 2}), alone)
    _, (_, train, dev), (_, train_alone, dev_alone) = fake_family.fitted
    assert train.content_hash == train_alone.content_hash
    assert dev.content_hash == dev_alone.content_hash


@pytest.mark.slow
def test_the_page_tells_means_splits_and_what_the_interval_is_of(recipe, tmp_path):
    done = train_recipe(recipe(split_seeds=[1, 2, 3]), tmp_path / "out")
    page = (tmp_path / "out" / "training.html").read_text()
    assert "mean over 3 splits" in page
    assert "not the result on a new exam" in page
    assert "Each split: test" in page
    told = done.results["over_splits"]["exams"]["test"]["figures"]
    assert f"{told['after']['value']:.4f} ({told['after']['low']:.4f} to" in page
    assert f"{told['longest']['value']:.4f}" in page


def test_a_dry_run_counts_the_splits(recipe, tmp_path):
    assert dry_run(recipe(split_seeds=[1, 2, 3], seeds=[1, 2]), tmp_path / "out").n_trainings == 6


def test_what_is_written_is_read_again(tmp_path):
    given = {"family": "ranker", "train": "a.csv", "settings": {"members": ["lexical"]}}
    recipe = parse_recipe({**given, "split": SPLIT, "split_seeds": [3, 4]}, base=tmp_path)
    (tmp_path / "recipe.yaml").write_text(recipe_yaml(recipe))
    assert read_recipe(tmp_path / "recipe.yaml") == recipe
    assert list(recipe.splits) == ["split-3", "split-4"]
    assert recipe.splits["split-4"].split_seed == 4


WRONG = {
    "both": ({"split_seed": 3}, "Remove one of them"),
    "one": ({"split_seeds": [1]}, "two or more"),
    "twice": ({"split_seeds": [1, 1]}, "two or more different"),
    "no test": ({"split": {"train": 0.5, "dev": 0.5}}, "needs a `split` with a test part"),
    "folds": ({"folds": 3}, "cannot be used with `folds`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_refused(tmp_path, name):
    values, message = WRONG[name]
    given = {"family": "ranker", "train": "a.csv", "split": SPLIT, "split_seeds": [1, 2]}
    with pytest.raises(SettingsError, match=message):
        parse_recipe(
            {**given, "settings": {"members": ["lexical"]}, **values},
            base=tmp_path,
        )
