"""The walk through a workspace is bounded and never leaves it."""

from llmexam.workflows.browse.workspace import DEEPEST, Workspace
from llmexam.workflows.trial import files
from llmexam.workflows.trial.files import files_in


def names(folder):
    return [str(path.relative_to(folder)) for path in files_in(Workspace(folder))]


def write(folder, *paths):
    for name in paths:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def test_files_of_deeper_folders_come_later(tmp_path):
    write(tmp_path, "b.yaml", "a/z/1.csv", "a/2.csv", "c.yaml")
    assert names(tmp_path) == ["b.yaml", "c.yaml", "a/2.csv", "a/z/1.csv"]


def test_hidden_linked_and_unfinished_files_are_left_out(tmp_path):
    inside = tmp_path / "inside"
    write(tmp_path, "outside.csv", "inside/.hidden", "inside/.git/1", "inside/stages/1.json")
    write(inside, "set.jsonl", "set.jsonl.drafts/1.jsonl", "s.parquet.shards/1.parquet")
    (inside / "link").symlink_to(tmp_path)
    (inside / "link.csv").symlink_to(tmp_path / "outside.csv")
    assert names(inside) == ["set.jsonl"]


def test_a_large_deep_folder_hides_nothing_above_it(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_FILES", 3)
    write(tmp_path, *(f"a/deep/{n}.png" for n in range(9)), "plan.yaml", "z/plan.yaml")
    assert names(tmp_path) == ["plan.yaml", "z/plan.yaml", "a/deep/0.png"]
    deep = "/".join("d" * (DEEPEST + 1))
    write(tmp_path / "other", f"{deep}/too-deep.csv", f"{deep[2:]}/deep.csv")
    assert names(tmp_path / "other") == [f"{deep[2:]}/deep.csv"]
