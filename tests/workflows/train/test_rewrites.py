"""Recipes of family `recoverer`: how rewrites are read, split and checked."""

import csv
import json

import pytest
import yaml

from llmexam.errors import ExamError, RunError, SettingsError
from llmexam.recovery.groups import prompt_groups
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.rewrites import RewriteExam
from llmexam.report.training_tables import dry_run_summary, training_summary
from llmexam.sample import REWRITES_PATH
from llmexam.stages.local import LocalExecutor
from llmexam.workflows.train.exams import read_exams
from llmexam.workflows.train.pipeline import dry_run, train_recipe
from llmexam.workflows.train.recipe import parse_recipe, read_recipe
from llmexam.workflows.train.rewrites import prepare_rewrites


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory):
    """A tiny decoder."""
    from tests.tiny_decoder import make_tokenizer, save_decoder

    return save_decoder(tmp_path_factory.mktemp("models") / "tiny", make_tokenizer())


@pytest.fixture
def recipe(base_folder, tmp_path):
    """A function that writes a recipe over the sample."""

    def write(**values):
        given = {
            "family": "recoverer",
            "train": "bundled",
            "split": {"train": 0.8, "dev": 0.2},
            **values,
            "settings": {
                "model": str(base_folder),
                "prompting": {"instructions": "", "max_text_tokens": 16},
                "lora": {"r": 2},
                "max_steps": 2,
                "device": "cpu",
                **values.get("settings", {}),
            },
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(given))
        return path

    return write


def write_rows(path, rows):
    with path.open("w", newline="") as file:
        names = ("id", "original_text", "rewritten_text", "rewrite_prompt")
        csv.writer(file).writerows([names, *rows])
    return str(path)


def prepared(folder, **values):
    given = {"family": "recoverer", "settings": {"model": "none"}, **values}
    recipe = parse_recipe(given, base=folder)
    (exams,) = prepare_rewrites([recipe], LocalExecutor(folder / "out"))
    return exams


@pytest.mark.slow
def test_a_recipe_becomes_a_recoverer(recipe, tmp_path):
    out = tmp_path / "out"
    path = recipe()
    done = train_recipe(path, out, command="llmexam train recipe.yaml")
    results = json.loads((out / "results.json").read_text())
    assert results["family"] == "recoverer"
    assert (results["metric"]["name"], results["exams"]) == ("loss", {})
    card = json.loads((out / "model" / "llmexam.json").read_text())
    assert card["metrics"].keys() == {"before", "after"}
    assert card["metrics"]["after"].keys() == {"dev_loss"}
    assert set(card["data"]) == {"train", "dev"}
    page = (out / "training.html").read_text()
    assert f"recoverer trained on {results['n_train']} rows" in page
    assert "MAP@3" not in page
    assert training_summary(results, "out")
    assert done.was_done is False
    assert train_recipe(path, out).was_done
    with pytest.raises(RunError, match=r"settings\.max_steps is 3, it was 2"):
        train_recipe(recipe(settings={"max_steps": 3}), out)


def test_a_dry_run_needs_no_weights(recipe, tmp_path):
    found = dry_run(recipe(), tmp_path / "out")
    assert found.noun == "row"
    n_train = found.estimate.n_questions
    assert n_train + found.n_graded["dev"] == 60
    assert found.estimate.n_steps == 2
    assert found.estimate.details["padding"].endswith("% of the computed tokens")
    assert "weights" in found.estimate.details["memory on a GPU"]
    table, *_ = dry_run_summary(
        found.estimate, found.n_trainings, found.n_graded, found.findings, found.noun
    )
    labels = list(table.columns[0].cells)
    assert {"rows per epoch", "rows with truncated texts"} <= {str(one) for one in labels}


def test_near_equal_prompts_are_in_one_part(tmp_path):
    exams = prepared(tmp_path, train="bundled", split={"train": 0.75, "dev": 0.25}, split_seed=1)
    train, dev = exams.train, exams.dev
    assert isinstance(train, RewriteExam)
    assert len(train) + len(dev) == 60
    assert len(dev) == pytest.approx(15, abs=2)
    groups = prompt_groups([*train.prompts, *dev.prompts]).tolist()
    assert not set(groups[: len(train)]) & set(groups[len(train) :])


def test_a_sample_is_drawn_by_seed(tmp_path):
    def ids(seed):
        file = {"path": "bundled", "n_questions": 12}
        return prepared(tmp_path, train=file, split_seed=seed).train.ids

    assert len(ids(0)) == 12
    assert ids(0) == ids(0) != ids(1)
    with pytest.raises(ExamError, match="at least 61 rows, got 60"):
        prepared(tmp_path, train={"path": "bundled", "n_questions": 61})


def test_several_files_are_joined_and_repeats_left_out(tmp_path):
    path = write_rows(
        tmp_path / "more.csv",
        [
            ("a", "One.", "Two.", "Count."),
            ("b", "one", "two", "count"),
            ("c", "One.", "Two.", "No"),
        ],
    )
    exams = prepared(tmp_path, train=["bundled", path])
    assert len(exams.train) == 62
    messages = [one.message for one in exams.findings]
    assert "skipped 1 duplicate row" in messages
    assert any("the texts of an earlier row and another prompt" in one for one in messages)


def test_rows_of_dev_are_refused_or_dropped(tmp_path):
    first = read_rewrites(REWRITES_PATH)[0]
    dev = write_rows(
        tmp_path / "dev.csv",
        [
            ("a", first.original.upper(), first.rewritten, "Something else."),
            ("b", "Rain falls.", "Rain, o rain!", first.prompt),
        ],
    )
    with pytest.raises(ExamError, match=r"row 1 .*1 training row with both texts of a row of dev"):
        prepared(tmp_path, train="bundled", dev=dev)
    exams = prepared(tmp_path, train="bundled", dev=dev, drop_leaks=True)
    assert (len(exams.train), len(exams.dev)) == (59, 2)
    messages = [one.message for one in exams.findings]
    assert "skipped 1 row with both texts of dev" in messages


def test_shared_prompts_are_told(tmp_path):
    first = read_rewrites(REWRITES_PATH)[0]
    dev = write_rows(tmp_path / "dev.csv", [("b", "Rain falls.", "Rain, o rain!", first.prompt)])
    exams = prepared(tmp_path, train="bundled", dev=dev)
    assert any(
        one.message.startswith("dev: 1 row with a prompt equal or near-equal")
        for one in exams.findings
    )


def test_rows_without_prompts_are_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id,original_text,rewritten_text\n1,One.,Two.\n")
    with pytest.raises(ExamError, match=r"rows.csv.*rewrite_prompt.*known prompts"):
        prepared(tmp_path, train=str(path))


def test_columns_of_a_file_may_have_other_names(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {"id": "1", "before": "One.", "after": "Two.", "rewrite_prompt": "Count on."}
    path.write_text(json.dumps(row))
    names = {"original_text": "before", "rewritten_text": "after"}
    [found] = prepared(tmp_path, train={"path": str(path), "fields": names}).train
    assert (found.original, found.rewritten, found.prompt) == ("One.", "Two.", "Count on.")


def test_columns_of_questions_may_have_other_names(tmp_path):
    (tmp_path / "quiz.csv").write_text("Ask,r,w,key\nWhy?,x,y,A\nWho?,x,y,B\nHow?,x,,A\n")
    columns = {"prompt": "Ask", "options": ["r", "w"], "answer": "key"}
    file = {"path": "quiz.csv", "fields": columns, "on_faulty": "skip"}
    given = {"family": "ranker", "train": file, "settings": {"members": ["lexical"]}}
    exam = read_exams(parse_recipe(given, base=tmp_path))["train"]
    assert (exam.answers.tolist(), exam.n_skipped) == ([0, 1], 1)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"folds": 3}, "`folds` is not supported"),
        ({"report_on": "bundled"}, "`report_on` is not supported"),
        ({"split": {"train": 0.8, "test": 0.2}}, "no test part"),
        ({"evidence": {"given": "drop"}}, "reads no evidence"),
        ({"settings": {"prompting": {"format": "verse"}}}, "prompting.format"),
    ],
)
def test_what_a_recoverer_has_not_is_refused(recipe, values, text):
    with pytest.raises(SettingsError, match=text):
        read_recipe(recipe(**values))
