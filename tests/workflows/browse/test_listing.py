"""Runs, trainings and what goes on are found, grouped and ranked."""

import json

import pytest
from filelock import FileLock

from llmexam.errors import RunError
from llmexam.workflows.browse import listing as listing_module
from llmexam.workflows.browse import tags as tags_module
from llmexam.workflows.browse.entry import read_entry
from llmexam.workflows.browse.listing import (
    Listing,
    filter_entries,
    find_folders,
    group_entries,
)
from llmexam.workflows.browse.tags import read_tags, write_tags
from llmexam.workflows.browse.workspace import Workspace
from run_folders import make_unfinished


@pytest.fixture
def entries(browser):
    return {one.id: one for one in browser.listing.entries()}


def test_all_runs_and_trainings_are_found(entries):
    assert {id: (one.kind, one.state) for id, one in entries.items()} == {
        "week 1/words": ("run", "finished"),
        "week 1/random": ("run", "finished"),
        "longest": ("run", "finished"),
        "other": ("run", "finished"),
        "trained": ("training", "finished"),
        "now": ("run", "running"),
        "stopped": ("run", "stopped"),
    }


def test_an_entry_says_what_the_run_recorded(entries, work):
    words = entries["week 1/words"]
    metrics = json.loads((work / "week 1" / "words" / "metrics.json").read_text())
    found = metrics["final"]["metrics"][0]
    assert words.scores[0].value == found["estimate"]["value"]
    assert words.scores[0].low == found["estimate"]["low"]
    assert words.metric == "MAP@3"
    assert set(words.scores[0].baselines) >= {"random", "longest"}
    assert words.solvers == ("lexical", "longest")
    assert words.exam == "exam.jsonl"
    assert words.n_items == 12
    assert words.date.endswith("UTC")
    assert words.seconds > 0
    assert entries["trained"].scores[0].value == 0.61


def test_runs_on_other_questions_are_never_in_one_group(entries):
    groups = group_entries(list(entries.values()))
    ids = [[one.id for one in group.entries] for group in groups]
    assert sorted(map(len, ids)) == [1, 3]
    assert ["other"] in ids
    assert len({group.exam_hash for group in groups}) == 2


def test_the_best_of_a_group_is_first(entries):
    group = group_entries(list(entries.values()))[0]
    values = [one.scores[0].value for one in group.entries]
    assert values == sorted(values, reverse=True)


def test_a_metric_that_should_be_low_ranks_the_lowest_first(entries):
    from dataclasses import replace

    group = group_entries([replace(one, higher_is_better=False) for one in entries.values()])[0]
    values = [one.scores[0].value for one in group.entries]
    assert values == sorted(values)


def test_a_run_of_part_of_the_exam_is_another_group(tmp_path, work):
    import shutil

    for name in ("whole", "part"):
        shutil.copytree(work / "longest", tmp_path / name)
    plan = tmp_path / "part" / "plan.yaml"
    plan.write_text(plan.read_text().replace("  limit: null", "  limit: 12"))
    groups = group_entries(Listing(Workspace(tmp_path)).entries())
    assert [len(group.entries) for group in groups] == [1, 1]


def test_search_and_filters(entries):
    every = list(entries.values())

    def ids(**wanted):
        return {one.id for one in filter_entries(every, **wanted)}

    assert ids(text="WORDS script") == {"week 1/words"}
    assert ids(text="week lexical") == {"week 1/words"}
    assert ids(state="running") == {"now"}
    assert ids(tag="none") == set()


def test_progress_tells_the_rest_of_time(entries):
    progress = entries["now"].progress
    assert progress.seconds_left == pytest.approx(30.0, abs=1.0)


def test_only_changed_runs_are_read_again(tmp_path, work, monkeypatch):
    import shutil

    shutil.copytree(work, tmp_path / "copy")
    listing = Listing(Workspace(tmp_path / "copy"))
    read = []
    monkeypatch.setattr(
        listing_module, "read_entry", lambda folder, id: read.append(id) or read_entry(folder, id)
    )
    listing.entries()
    assert len(read) == 7
    listing.entries()
    assert len(read) == 7
    record = tmp_path / "copy" / "longest" / "run.json"
    record.write_text(record.read_text() + " ")
    listing.entries()
    assert read[7:] == ["longest"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"exam": 3}', "null", '"text"', "[" * 100_000, "\ud800"]
)
def test_a_damaged_run_is_shown_with_its_problem(tmp_path, content):
    folder = tmp_path / "broken"
    (folder / "stages").mkdir(parents=True)
    (folder / "run.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    (entry,) = Listing(Workspace(tmp_path)).entries()
    assert entry.state == "failed"
    assert "cannot be read" in entry.problem


def test_links_are_not_followed(tmp_path, work):
    (tmp_path / "linked").symlink_to(work)
    assert list(find_folders(tmp_path)) == []


def test_the_workspace_may_be_a_run_itself(work):
    (entry,) = Listing(Workspace(work / "longest")).entries()
    assert (entry.id, entry.title) == (".", "Longest option")


def test_a_run_that_ended_without_a_word_is_stopped(tmp_path):
    make_unfinished(tmp_path / "killed", pid=2**22 + 1)
    (entry,) = Listing(Workspace(tmp_path)).entries()
    assert entry.state == "stopped"


def test_tags_are_kept_by_run_and_survive_other_writers(tmp_path):
    write_tags(tmp_path, "a", ["x", "y"])
    write_tags(tmp_path, "b", ["z"])
    assert read_tags(tmp_path) == {"a": ("x", "y"), "b": ("z",)}
    write_tags(tmp_path, "a", [])
    assert read_tags(tmp_path) == {"b": ("z",)}
    (tmp_path / "tags.json").write_text("[]")
    with pytest.raises(Exception, match="expected tags by run"):
        write_tags(tmp_path, "a", ["x"])
    assert (tmp_path / "tags.json").read_text() == "[]"


def recovery_run(folder, *, embedder, value, precision="fp32"):
    """Write what the list reads of a run on prompt recovery."""
    folder.mkdir(parents=True)
    estimate = {"value": value, "low": value - 0.1, "high": value + 0.1}
    metric = {"label": "sharpened cosine", "higher_is_better": True, "estimate": estimate}
    final = {"name": "copy", "n_items": 3, "exam_hash": "1", "level": 0.95, "metrics": [metric]}
    record = {
        "exam": {"source": "rows.csv", "source_hash": "5", "content_hash": "6", "n_questions": 3},
        "provenance": {},
        "stages": [],
        "files": [],
    }
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "metrics.json").write_text(json.dumps({"final": final, "solvers": {"copy": {}}}))
    (folder / "plan.yaml").write_text(
        "task: prompt-recovery\nexam:\n  path: rows.csv\nevaluation:\n"
        f"  embedder: {embedder}\n  precision: {precision}\n"
    )


def test_runs_graded_by_different_embedders_are_not_ranked_together(tmp_path):
    recovery_run(tmp_path / "a", embedder="bundled", value=0.9)
    recovery_run(tmp_path / "b", embedder="/models/t5", value=0.6)
    recovery_run(tmp_path / "c", embedder="/models/t5", value=0.7)
    recovery_run(tmp_path / "d", embedder="/models/t5", value=0.8, precision="bf16")
    groups = group_entries(Listing(Workspace(tmp_path)).entries())
    found = {one.embedder: [entry.id for entry in one.entries] for one in groups}
    assert found == {"bundled": ["a"], "/models/t5": ["c", "b"], "/models/t5, bf16": ["d"]}


def test_progress_shows_no_folders(tmp_path):
    make_unfinished(tmp_path / "failed", pid=1)
    path = tmp_path / "failed" / "progress.json"
    values = json.loads(path.read_text()) | {
        "stage": f"index {tmp_path}/failed/index/sparse",
        "problem": f"cannot read {tmp_path}/secret place/exam.csv",
    }
    path.write_text(json.dumps(values))
    (entry,) = Listing(Workspace(tmp_path)).entries()
    assert entry.state == "failed"
    assert entry.progress.stage == "index index/sparse"
    assert str(tmp_path) not in entry.progress.problem


def test_tags_that_are_locked_or_cannot_be_written_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tags_module, "_SECONDS", 0.0)
    with FileLock(tmp_path / ".tags.lock"), pytest.raises(RunError, match="another process"):
        write_tags(tmp_path, "a", ["x"])

    def refuse(path, values):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tags_module, "write_json", refuse)
    with pytest.raises(RunError, match="cannot write the tags: Permission denied"):
        write_tags(tmp_path, "a", ["x"])
