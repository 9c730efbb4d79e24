"""Everything that is looked at in a workspace, with what was read kept in memory."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import NotFoundError
from llmexam.workflows.browse.entry import RUN, TRAINING, Entry
from llmexam.workflows.browse.listing import Listing, is_run_folder
from llmexam.workflows.browse.opened import OpenedRun, Runs
from llmexam.workflows.browse.workspace import Workspace


class Browser:
    """A workspace, its list of runs, and the runs that were opened last.

    Args:
        workspace: The workspace.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.listing = Listing(workspace)
        self.runs = Runs()

    def folder(self, id: str) -> Path:
        """Return the folder of a run or training.

        Raises:
            NotFoundError: There is none of this id.
        """
        path = self.workspace.path(id)
        if not path.is_dir() or not is_run_folder(path):
            raise NotFoundError("expected a run or training of this folder", field=id)
        return path

    def entry(self, id: str) -> Entry:
        """Return a run or training as the list shows it, without tags.

        Raises:
            NotFoundError: There is none of this id.
        """
        return self.listing.entry(self.folder(id))

    def open(self, id: str) -> OpenedRun:
        """Return a finished run.

        Raises:
            NotFoundError: There is none of this id.
            RunError: It is not finished, or its files are damaged.
        """
        return self.runs.open(self.folder(id))

    def is_training(self, id: str) -> bool:
        """Return whether a folder is that of a training.

        Raises:
            NotFoundError: It is neither of a run nor of a training.
        """
        folder = self.folder(id)
        return (folder / TRAINING).is_file() and not (folder / RUN).is_file()
