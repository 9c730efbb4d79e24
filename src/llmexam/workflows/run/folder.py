"""What other commands read from the folder of a run: its plan and its final answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from llmexam.errors import RunError
from llmexam.evaluation.flips import with_evidence
from llmexam.evaluation.results import FullComparison
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage

PLAN_FILE = "plan.yaml"
SUBMISSION_FILE = "submission.csv"
EVIDENCE_FILE = "evidence.jsonl"

T = TypeVar("T")


def answers_of(prediction: T) -> T | Path:
    """Return a prediction unchanged, or the submission of a run where its folder is given.

    Raises:
        RunError: The folder is not one of a run.
    """
    if isinstance(prediction, str | Path) and Path(prediction).is_dir():
        return file_in(prediction, SUBMISSION_FILE)
    return prediction


def with_evidence_of(result: FullComparison, a: object, b: object) -> FullComparison:
    """Return a comparison whose flips show the passages that each run retrieved.

    Args:
        result: The comparison.
        a: What was compared first: the folder of a run, or anything else.
        b: Likewise the second.

    Raises:
        ExamError: The passages of a run cannot be read.
    """
    if not result.flips:
        return result
    flips = with_evidence(result.flips, _evidence_of(a), _evidence_of(b))
    return result.model_copy(update={"flips": flips})


def _evidence_of(prediction: object) -> Mapping[str, tuple[Passage, ...]] | None:
    """Return the passages of a run by question; None for what is no run or retrieved nothing."""
    if not isinstance(prediction, str | Path):
        return None
    path = Path(prediction) / EVIDENCE_FILE
    return {one.id: one.passages for one in read_exam(path)} if path.is_file() else None


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
