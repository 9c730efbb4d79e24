"""Open runs, and keep the last few in memory."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from llmexam.errors import LlmExamError, RunError
from llmexam.report.content import RunContent
from llmexam.report.sections.registry import GENERAL_SECTIONS
from llmexam.report.sections.section import ReportData, Section
from llmexam.tasks.registry import DEFAULT_TASK, task_of
from llmexam.workflows.browse.choice_run import ChoiceRun, open_choice
from llmexam.workflows.browse.files import FileCache
from llmexam.workflows.browse.records import Recorded, read_record
from llmexam.workflows.browse.recovery_run import RecoveryRun, open_recovery

# An opened run of 14,042 questions takes about 100 MB, its passages where they are searched.
_N_KEPT = 4
_RECOVERY = "prompt-recovery"
_FILES = ("run.json", "plan.yaml", "metrics.json", "audit.json", "evidence.jsonl")
# The sections with all questions have pages of their own.
_OWN_PAGES = ("questions", "rewrites")


@dataclass(frozen=True)
class OpenedRun:
    """A finished run.

    Attributes:
        recorded: What its small files say.
        choice: Its questions; None for other tasks, or where they cannot be read.
        recovery: Its rows; likewise.
        problem: Why its items cannot be shown; empty if they can.
    """

    recorded: Recorded
    choice: ChoiceRun | None = None
    recovery: RecoveryRun | None = None
    problem: str = ""

    @property
    def content(self) -> RunContent:
        """The content of its report."""
        if self.choice is not None:
            return self.choice.content
        return self.recovery.content if self.recovery is not None else self.recorded.content

    def sections(self) -> list[tuple[Section[Any], Any]]:
        """Return the sections of its report with what they show, without lists of all items."""
        data = self.choice.data if self.choice is not None else ReportData(self.content)
        is_whole = self.choice is not None or self.recovery is not None
        # Without answers only those that need nothing but grades.
        sections = task_of(self.content.task).sections if is_whole else GENERAL_SECTIONS
        views = [(one, one.view(data)) for one in sections if one.name not in _OWN_PAGES]
        return [(section, view) for section, view in views if view is not None]


class Runs:
    """Opens runs; the last few stay in memory as long as their files are the same."""

    def __init__(self) -> None:
        self._opened: FileCache[OpenedRun] = FileCache(_N_KEPT)
        # What the first run would wait for: its task, and what pyarrow imports for a first file.
        task_of(DEFAULT_TASK)
        import_module("pyarrow.dataset")

    def open(self, folder: Path) -> OpenedRun:
        """Return a finished run.

        Raises:
            RunError: It is not finished or its files are damaged.
        """
        files = [folder / name for name in _FILES]
        answers = [folder / "scores", folder / "answers", folder / "explanations", folder / "rows"]
        return self._opened.get(folder, [*files, *answers], lambda: open_run(folder))

    def choice(self, folder: Path) -> ChoiceRun:
        """Return a finished run on multiple choice with its questions.

        Raises:
            RunError: It is another, or its questions cannot be read.
        """
        opened = self.open(folder)
        if opened.choice is None:
            raise RunError(opened.problem or "expected a run on multiple choice", file=folder.name)
        return opened.choice


def open_run(folder: Path) -> OpenedRun:
    """Return a finished run; what keeps its items from being shown is its problem.

    Raises:
        RunError: It is not finished or its files are damaged.
    """
    recorded = read_record(folder)
    try:
        if recorded.task == DEFAULT_TASK:
            return OpenedRun(recorded, choice=open_choice(recorded))
        if recorded.task == _RECOVERY:
            return OpenedRun(recorded, recovery=open_recovery(recorded))
    except LlmExamError as error:
        return OpenedRun(recorded, problem=f"{error.message}. {error.hint or ''}".strip())
    except (OSError, ValueError, KeyError, TypeError) as error:
        return OpenedRun(recorded, problem=f"a file of the run is damaged ({type(error).__name__})")
    return OpenedRun(recorded, problem="The items of this task are shown in the report only.")
