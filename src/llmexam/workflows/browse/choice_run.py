"""An opened run on multiple choice: its report, and every question with its answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import LlmExamError, RunError
from llmexam.evaluation.alignment import align_scores
from llmexam.evaluation.slices import SOURCE_KEYS, label_questions
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import read_scores
from llmexam.report.content import ReportContent, SolverResult
from llmexam.report.grading import Grades
from llmexam.report.questions import QuestionView, QuestionViews
from llmexam.report.sections.section import ReportData
from llmexam.workflows.browse.exam_rows import ExamRows, ExplanationFile, read_rows
from llmexam.workflows.browse.prompts import SolverPrompts, planned_solvers, solver_prompts
from llmexam.workflows.browse.records import Recorded, RecordedResult

MOST_KEPT = 200_000_000
"""Bytes of evidence up to which its texts are kept in memory for the next search."""
_SHARED = "overlap: "
_OTHER_FILTERS = ("passages", "right option")
_PROPERTIES = (
    *("prompt length", "negated", "options", "number of right options"),
    *_OTHER_FILTERS,
    *SOURCE_KEYS,
)


@dataclass(frozen=True)
class ChoiceRun:
    """A run on multiple choice.

    Attributes:
        content: The content of its report; the questions have no passages.
        rows: Its questions.
        explanations: Explanations by solver, the final result first.
    """

    content: ReportContent
    rows: ExamRows
    explanations: dict[str, ExplanationFile]

    @cached_property
    def data(self) -> ReportData:
        """The report, for its sections."""
        return ReportData(self.content)

    @property
    def grades(self) -> Grades:
        """The final result, question by question."""
        return self.data.grades

    @cached_property
    def truncated(self) -> NDArray[np.bool_]:
        """Whether the evidence was truncated for any solver, shape `[n_questions]`."""
        results = (self.content.final, *self.content.solvers)
        cut = [align_scores(self.content.exam, one.scores).truncated for one in results]
        found: NDArray[np.bool_] = np.logical_or.reduce(cut)
        return found

    @cached_property
    def leaked(self) -> NDArray[np.bool_]:
        """Whether the audit found a question in other files, shape `[n_questions]`."""
        found = np.zeros(len(self.content.exam), dtype=bool)
        for finding in self.content.audit:
            # Rows count all rows of the file, of which the run may have read a part.
            if finding.check.startswith(_SHARED):
                rows = [row - 1 for row in finding.rows if 0 < row <= len(found)]
                found[rows] = True
        return found

    @cached_property
    def all_slices(self) -> dict[str, list[str]]:
        """The value of each question by each property that the report slices by."""
        exam = self.content.exam
        evaluation = self.content.final.evaluation
        named = [one.by for one in evaluation.slices] if evaluation else []
        # The field that the plan slices by, if it names one.
        slice_by = next((by for by in named if by not in _PROPERTIES), None)
        found = {}
        for by, labels in label_questions(exam, slice_by):
            is_known = exam.is_labelled or by != "right option"
            # The questions are without their passages here.
            if by != "passages" and is_known and len(set(labels)) > 1:
                found[by] = [value for _, value in labels]
        return found

    @property
    def slices(self) -> dict[str, list[str]]:
        """Likewise, without letters, which are a filter of their own."""
        return {by: values for by, values in self.all_slices.items() if by not in _OTHER_FILTERS}

    @cached_property
    def slice_values(self) -> dict[str, list[str]]:
        """The values of each property; from the grades, which need no look at the questions."""
        evaluation = self.content.final.evaluation
        if evaluation is None:
            return {by: sorted(set(values)) for by, values in self.slices.items()}
        found: dict[str, list[str]] = {}
        for one in evaluation.slices:
            if one.by not in _OTHER_FILTERS:
                found.setdefault(one.by, []).append(one.value)
        return found

    @cached_property
    def questions_hash(self) -> str:
        """Hash of the questions without evidence: runs with the same one can be compared."""
        exam = self.rows.exam
        return exam.content_hash if self.rows.path else exam.without_passages().content_hash

    @cached_property
    def texts(self) -> list[str]:
        """Id, prompt and options of each question, in lower case."""
        return [
            "\n".join((one.id, one.prompt, *one.options)).casefold() for one in self.content.exam
        ]

    def passage_texts(self) -> Iterable[str]:
        """Return the passages of each question, in lower case; kept for the next search if few.

        Raises:
            RunError: Their file has changed meanwhile.
        """
        return self._passage_texts if self.rows.n_bytes <= MOST_KEPT else self.rows.passage_texts()

    @cached_property
    def _passage_texts(self) -> tuple[str, ...]:
        return tuple(self.rows.passage_texts())

    def place(self, id: str) -> int | None:
        """Return the row of a question by its id, counted from 0; None where there is none."""
        return self._places.get(id)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {id: row for row, id in enumerate(self.content.exam.ids)}

    @property
    def questions(self) -> QuestionViews:
        """Views of questions in one line."""
        return self.data.questions

    def question(self, row: int) -> QuestionView:
        """Return everything about a question, counted from 0."""
        question = self.rows.question(row)
        exam = replace(self.content.exam, questions=(question,))
        alone = replace(
            self.content,
            exam=exam,
            final=self._alone(self.content.final, exam, row),
            solvers=tuple(self._alone(one, exam, row) for one in self.content.solvers),
        )
        view = QuestionViews(alone, _row_of(self.grades, row), self._k).full(0)
        return replace(view, row=row + 1)

    @property
    def _k(self) -> int:
        evaluation = self.content.final.evaluation
        choice = evaluation.choice if evaluation else None
        return choice.k if choice else 3

    def prompts(self, row: int) -> tuple[SolverPrompts, ...]:
        """Return what each solver of the plan read of a question, counted from 0."""
        question = self.rows.question(row)
        cut = {
            one.name: bool(align_scores(self.content.exam, one.scores).truncated[row])
            for one in self.content.solvers
        }
        return tuple(
            solver_prompts(one, question, is_truncated=cut.get(str(one.get("name")), False))
            for one in self.planned
        )

    @cached_property
    def planned(self) -> tuple[dict[str, Any], ...]:
        """The solvers of the plan."""
        return planned_solvers(Path(self.content.folder))

    def _alone(self, result: SolverResult, exam: Exam, row: int) -> SolverResult:
        file = self.explanations.get(result.name)
        explanation = file.get(row, exam[0]) if file else None
        return replace(
            result,
            scores=align_scores(self.content.exam, result.scores).subset([row]),
            explanations=() if explanation is None else (explanation,),
        )


def open_choice(recorded: Recorded) -> ChoiceRun:
    """Return an opened run on multiple choice.

    Raises:
        RunError: Its questions or its scores cannot be read.
    """
    rows = read_rows(recorded)
    folder, content = recorded.folder, recorded.content
    # The final result is often that of a solver, whose scores are read once.
    named = {one.name: one for one in (*content.solvers, content.final)}
    found = {
        name: _with_scores(folder, one)
        for name, one in named.items()
        if isinstance(one, RecordedResult)
    }
    values = {one.name: getattr(content, one.name) for one in fields(content)}
    exam = replace(
        rows.exam,
        source=content.exam.source,
        format=content.exam.format,
        source_hash=content.exam.source_hash,
    )
    report = ReportContent(
        **{
            **values,
            "exam": exam,
            "final": found[content.final.name],
            "solvers": tuple(found[one.name] for one in content.solvers),
        }
    )
    try:
        for one in found.values():
            align_scores(exam, one.scores)
    except LlmExamError:
        raise RunError("the scores are not those of the run's questions", file=folder) from None
    names = (content.final.name, *(one.name for one in content.solvers))
    explained = {
        name: ExplanationFile.open(folder / "explanations" / f"{name}.json")
        for name in dict.fromkeys(names)
    }
    return ChoiceRun(report, rows, {name: one for name, one in explained.items() if one.offsets})


def _with_scores(folder: Path, result: RecordedResult) -> SolverResult:
    path = folder / "scores" / f"{result.name}.parquet"
    if path.is_symlink():
        raise RunError("expected a file, got a link", file=path)
    return SolverResult(
        result.name,
        read_scores(path)[0],
        result.evaluation,
        result.metrics.position,
        weight=result.metrics.weight,
        gain=result.metrics.gain,
        usage=result.usage,
    )


def _row_of(grades: Grades, row: int) -> Grades:
    one = slice(row, row + 1)
    shares = grades.probabilities
    return Grades(
        grades.ranking[one],
        None if shares is None else shares[one],
        grades.answer_rank[one],
        grades.lead[one],
        grades.answer_margin[one],
        grades.uncertain[one],
        tied=grades.tied[one],
        tied_first=grades.tied_first[one],
    )
