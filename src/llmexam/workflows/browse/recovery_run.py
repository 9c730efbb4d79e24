"""An opened run on prompt recovery: its report, and every row with what was recovered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from llmexam.errors import LlmExamError, NotFoundError, RunError, SettingsError, nearest
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.run_answers import read_written
from llmexam.report.content import Result, RunContent
from llmexam.tasks.prompt_recovery.plan import RewritesPlan
from llmexam.tasks.prompt_recovery.results import RecoveryResult, RowGrades
from llmexam.tasks.prompt_recovery.row_files import read_row_grades
from llmexam.tasks.prompt_recovery.rows import RewriteView, rewrite_view
from llmexam.workflows.browse.questions import words_of
from llmexam.workflows.browse.records import Recorded

MARKS = ("high", "low", "gamed")
"""Marks of rows that can be filtered by: score of 0.5 and more, below, owing to empty tokens."""
ORDERS = ("exam", "worst", "best")
"""Orders: of the exam, by rising and by falling score."""
_HIGH = 0.5


@dataclass(frozen=True)
class RecoveryRun:
    """A run on prompt recovery.

    Attributes:
        content: The content of its report.
        exam: Its rows.
        final: The final result, with grades of each row where the run kept them.
    """

    content: RunContent
    exam: RewriteExam
    final: RecoveryResult

    @property
    def others(self) -> list[Result]:
        """The results of the other recoverers."""
        return [one for one in self.content.solvers if one.name != self.final.name]

    @cached_property
    def texts(self) -> list[str]:
        """All texts of each row, in lower case."""
        answers = (self.final.texts, *(getattr(one, "texts", ()) for one in self.others))
        return [
            "\n".join(
                (row.id, row.original, row.rewritten, row.prompt or "", *(a[i] for a in answers))
            ).casefold()
            for i, row in enumerate(self.exam)
        ]

    def row(self, number: int) -> RewriteView:
        """Return what is shown of a row, counted from 0.

        Raises:
            NotFoundError: There is no such row.
        """
        if not 0 <= number < len(self.exam):
            raise NotFoundError(f"expected a row from 1 to {len(self.exam)}, got {number + 1}")
        return rewrite_view(number, self.exam[number], self.final, self.others)

    def find(self, text: str = "", mark: str = "", sort: str = "exam") -> list[int]:
        """Return the rows that fit, counted from 0.

        Args:
            text: Words that a row has, in any case.
            mark: One of `MARKS`, or empty.
            sort: One of `ORDERS`.

        Raises:
            SettingsError: There is no such mark or order.
        """
        if mark and mark not in MARKS:
            raise SettingsError(f"unknown mark '{mark}'", hint=nearest(mark, MARKS))
        if sort not in ORDERS:
            raise SettingsError(f"unknown order '{sort}'", hint=nearest(sort, ORDERS))
        words = words_of(text)
        rows = [i for i, own in enumerate(self.texts) if all(word in own for word in words)]
        grades = self.final.rows
        if grades is None:
            return rows
        if mark:
            found = {
                "high": grades.scores >= _HIGH,
                "low": grades.scores < _HIGH,
                "gamed": grades.is_gamed,
            }[mark]
            rows = [row for row in rows if found[row]]
        if sort != "exam":
            sign = 1.0 if sort == "worst" else -1.0
            rows.sort(key=lambda row: sign * float(np.nan_to_num(grades.scores[row])))
        return rows


def open_recovery(recorded: Recorded) -> RecoveryRun:
    """Return an opened run on prompt recovery.

    Raises:
        RunError: Its rows or its answers cannot be read.
    """
    exam = _read_exam(recorded)
    content = recorded.content
    found = {
        one.name: _result(recorded.folder, one, len(exam))
        for one in (*content.solvers, content.final)
    }
    final = found[content.final.name]
    solvers: Sequence[Result] = tuple(found[one.name] for one in content.solvers)
    return RecoveryRun(replace(content, exam=exam, final=final, solvers=solvers), exam, final)


def _result(folder: Path, result: Result, n_rows: int) -> RecoveryResult:
    path = folder / "answers" / f"{result.name}.json"
    if path.is_symlink() or not path.is_file():
        raise RunError("the answers of this recoverer are missing", file=path)
    recoveries, usage = read_written(path)
    if len(recoveries) != n_rows:
        raise RunError("the answers are not those of the run's rows", file=path)
    texts = tuple(one.text for one in recoveries)
    rows = _row_grades(folder / "rows" / f"{result.name}.json", n_rows)
    return RecoveryResult(result.name, texts, result.evaluation, usage, recoveries, rows)


def _row_grades(path: Path, n_rows: int) -> RowGrades | None:
    """Return the grades of rows; None where an earlier version of llmexam kept none."""
    if path.is_symlink():
        return None
    try:
        found = read_row_grades(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return found if found.metrics and len(found.scores) == n_rows else None


def _read_exam(recorded: Recorded) -> RewriteExam:
    problem = RunError(
        "the rows of this run are no longer where they were, or have changed: they cannot be shown",
        hint="The report of the run still shows them",
    )
    try:
        plan = RewritesPlan.parse(recorded.plan["exam"], subject="the plan")
        if not all(path.is_file() for path in plan.files):
            raise problem
        exam = plan.read_selected()
    except (LlmExamError, OSError, KeyError, TypeError):
        raise problem from None
    # As for questions: only what the run read is shown.
    if exam.content_hash != recorded.content.exam.content_hash:
        raise problem
    return exam
