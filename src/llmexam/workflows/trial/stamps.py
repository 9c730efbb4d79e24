"""What changes when a file is written anew, so that a model is loaded again after a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from llmexam.errors import LlmExamError
from llmexam.sample import BUNDLED
from llmexam.settings.kinds import FolderReference, Reference
from llmexam.settings.walk import change_references
from llmexam.workflows.browse.files import FileCache
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.run.plan import read_plan
from llmexam.workflows.trial.safety import run_folder_of

_N_KEPT = 200
# A model or an index has fewer files; of a folder of data, this is enough to see a change.
_MOST_FILES = 200
_OF_RUN = ("metrics.json", "scores", "index/sparse", "index/dense")


class Stamps:
    """Stamps of plans, models and indexes of a workspace.

    Args:
        workspace: The folder.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._named: FileCache[tuple[Path, ...]] = FileCache(_N_KEPT)

    def of(self, *names: str, plan: str = "") -> str:
        """Return a text that changes when one of these is written anew.

        Args:
            names: Paths of files and folders in the workspace; empty ones and `bundled` are left
                out.
            plan: Path of a plan. All files, models and indexes that it names count, and what the
                run of this plan left that is used: its scores, grades and indexes.
        """
        given = (*names, plan)
        paths = [self._workspace.path(one) for one in given if one not in ("", BUNDLED)]
        if plan:
            paths += self._named_by(paths[-1])
        return "\n".join(line for path in paths for line in _lines(path))

    def _named_by(self, plan: Path) -> tuple[Path, ...]:
        """Return the paths that a plan refers to, read again when the plan changes."""
        return self._named.get(plan, [plan], lambda: tuple(_references(plan)))


def _references(path: Path) -> Sequence[Path]:
    found: list[Path] = []

    def note(value: str, kind: Reference) -> str:
        # Folders that are written, such as caches, affect no answer, but change with each.
        if not isinstance(kind, FolderReference):
            found.append(Path(value))
        return value

    try:
        change_references(read_plan(path), note)
    except LlmExamError:
        # What is wrong with the plan is told when it is prepared.
        return []
    run = run_folder_of(path)
    found += [run / one for one in _OF_RUN] if run is not None else []
    # Other values are `bundled`, or names of models that are not on this machine.
    return list(dict.fromkeys(one for one in found if one.is_absolute()))


def _lines(path: Path) -> Iterator[str]:
    try:
        files = sorted(path.iterdir())[:_MOST_FILES] if path.is_dir() else [path]
        for one in files:
            status = one.stat()
            if one.is_file():
                yield f"{one} {status.st_mtime_ns} {status.st_size}"
    except OSError:
        # A file may vanish meanwhile, and the stamp is another one then, too.
        yield f"{path} is gone"
