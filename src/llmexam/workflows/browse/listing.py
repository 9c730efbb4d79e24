"""List the runs and trainings of a workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llmexam.workflows.browse.entry import FILES, RUN, TRAINING, Entry, read_entry
from llmexam.workflows.browse.files import FileCache
from llmexam.workflows.browse.tags import read_tags
from llmexam.workflows.browse.workspace import DEEPEST, Workspace

_N_KEPT = 20_000
# What a folder has that is a run's or a training's, though none is finished there.
_STAGES = "stages"


@dataclass(frozen=True)
class Group:
    """Runs that may be ranked together: one task, one exam, one metric; or all trainings.

    Attributes:
        task: The task.
        exam: Name of the exam's file; empty for trainings.
        exam_hash: Hash of what is asked.
        metric: Label of the metric; empty for runs without grades.
        embedder: The embedder of that metric; empty for metrics that use none.
        n_items: Items of the exam.
        entries: The runs, the best first, then those without grades.
    """

    task: str
    exam: str
    exam_hash: str
    metric: str
    embedder: str
    n_items: int
    entries: tuple[Entry, ...]


class Listing:
    """Lists a workspace; what was read is kept as long as the files are the same.

    Args:
        workspace: The workspace.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._entries: FileCache[Entry] = FileCache(_N_KEPT)

    def entries(self) -> list[Entry]:
        """Return all runs and trainings, the newest first."""
        tags = read_tags(self._workspace.folder)
        found = []
        for folder in find_folders(self._workspace.folder):
            entry = self.entry(folder)
            found.append(replace(entry, tags=tags.get(entry.id, ())))
        # By path where there is no date: those that go on come first.
        found.sort(key=lambda one: one.id)
        found.sort(key=lambda one: (one.state == "running", one.date), reverse=True)
        return found

    def entry(self, folder: Path) -> Entry:
        """Return a run or training by its folder."""
        files = [folder / name for name in FILES]
        id = self._workspace.name(folder)
        found = self._entries.get(folder, files, lambda: read_entry(folder, id))
        if found.state == "running" and found.progress is not None:
            # Its process may have ended since without writing anything.
            return replace(found, state=found.progress.state())
        return found


def find_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders of runs and trainings in a folder; links are not followed."""
    yield from _find(folder, 0)


def _find(folder: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as listed:
            entries = list(listed)
    except OSError:
        return
    names = {one.name for one in entries}
    if _is_run(folder, names):
        yield folder
        return
    if depth < DEEPEST:
        for one in sorted(entries, key=lambda one: one.name):
            if not one.name.startswith(".") and one.is_dir(follow_symlinks=False):
                yield from _find(Path(one.path), depth + 1)


def is_run_folder(folder: Path) -> bool:
    """Return whether a folder is that of a run or a training."""
    return _is_run(folder, {one.name for one in folder.iterdir()})


def _is_run(folder: Path, names: set[str]) -> bool:
    if {RUN, TRAINING} & names:
        return True
    # Every run and training locks its folder.
    return {".lock", _STAGES} <= names and (folder / _STAGES).is_dir()


def group_entries(entries: Sequence[Entry]) -> list[Group]:
    """Return the finished runs in groups that may be ranked together, the largest first."""
    by_key: dict[tuple[str, str, str, str], list[Entry]] = {}
    for one in entries:
        if one.kind == "run" and one.exam_hash:
            by_key.setdefault(_group_key(one), []).append(one)
    groups = [
        Group(task, found[0].exam, exam, metric, embedder, found[0].n_items, tuple(rank(found)))
        for (task, exam, metric, embedder), found in by_key.items()
    ]
    groups.sort(key=lambda one: (-len(one.entries), one.task, one.exam, one.embedder))
    return groups


def _group_key(entry: Entry) -> tuple[str, str, str, str]:
    # The k of MAP@k is in the label. Cosines of two embedders have other scales.
    return entry.task, entry.exam_hash, entry.metric, entry.embedder


def rank(entries: Sequence[Entry]) -> list[Entry]:
    """Return runs of one exam, the best by the metric first."""

    def worth(one: Entry) -> float:
        if not one.scores:
            return float("inf")
        value = one.scores[0].value
        return -value if one.higher_is_better else value

    return sorted(entries, key=worth)


def filter_entries(
    entries: Sequence[Entry], *, text: str = "", tag: str = "", state: str = ""
) -> list[Entry]:
    """Return the entries that have all words of a text, a tag and a state.

    Args:
        entries: The entries.
        text: Words of the id, title, exam, task, solvers and tags, in any case.
        tag: A tag.
        state: A state, such as "running".
    """
    words = text.casefold().split()

    def fits(one: Entry) -> bool:
        if (tag and tag not in one.tags) or (state and one.state != state):
            return False
        parts = (one.id, one.title, one.exam, one.task, *one.solvers, *one.tags)
        known = " ".join(parts).casefold()
        return all(word in known for word in words)

    return [one for one in entries if fits(one)]
