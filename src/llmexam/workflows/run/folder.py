"""What other commands read from the folder of a run: its plan and its final answers."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from llmexam.errors import RunError

PLAN_FILE = "plan.yaml"
SUBMISSION_FILE = "submission.csv"

T = TypeVar("T")


def answers_of(prediction: T) -> T | Path:
    """Return a prediction unchanged, or the submission of a run where its folder is given.

    Raises:
        RunError: The folder is not one of a run.
    """
    if isinstance(prediction, str | Path) and Path(prediction).is_dir():
        return file_in(prediction, SUBMISSION_FILE)
    return prediction


def file_in(folder: str | Path, name: str) -> Path:
    """Return a file in the folder of a run.

    Raises:
        RunError: The folder is not one of a run.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError("expected the folder of a run", file=folder, hint="Give an exam and answers")
    if not (folder / name).is_file():
        raise RunError(
            f"expected the folder of a run, which has a {name}",
            file=folder,
            hint="Give the folder that `llmexam run` wrote, or a file",
        )
    return folder / name
