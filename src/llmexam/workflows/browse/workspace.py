"""A folder with runs and trainings, and safe paths inside it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from llmexam.errors import NotFoundError, RunError

DEEPEST = 12
"""Folders deeper than this in a workspace are not looked into."""
_MOST_CHARACTERS = 1000


class Workspace:
    """A folder whose runs and trainings are looked at; nothing outside it is read.

    Args:
        folder: The folder.

    Attributes:
        folder: Its absolute path without links.

    Raises:
        RunError: It is not a folder.
    """

    def __init__(self, folder: str | Path) -> None:
        if not Path(folder).is_dir():
            raise RunError("expected a folder with runs", file=folder, hint="Give another folder")
        self.folder = Path(folder).resolve()

    def path(self, name: str) -> Path:
        """Return the path of a file or folder of the workspace.

        Args:
            name: Its path relative to the workspace with slashes, such as `week-1/lexical`; "."
                is the workspace itself.

        Raises:
            NotFoundError: It leads out of the workspace, through a link, or to nothing.
        """
        problem = NotFoundError(
            "expected a run or a file of this folder", field=name[:_MOST_CHARACTERS] or "empty name"
        )
        parts = PurePosixPath(name).parts
        if not name or len(name) > _MOST_CHARACTERS or "\0" in name or "\\" in name:
            raise problem
        # A drive or a leading slash makes a path absolute; both are parts then.
        if any(part == ".." or "/" in part or ":" in part for part in parts):
            raise problem
        path = self.folder
        for part in parts:
            path = path / part
            if path.is_symlink():
                raise problem
        if not path.exists():
            raise problem
        return path

    def name(self, path: Path) -> str:
        """Return what `path` takes for a path inside the workspace."""
        return path.relative_to(self.folder).as_posix()
