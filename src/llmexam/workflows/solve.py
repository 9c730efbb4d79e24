"""Let a solver score an exam."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from llmexam.errors import ScoreError
from llmexam.evidence.queries import QueryForm
from llmexam.evidence.retriever import Given, check_given
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import check_scores_name, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import write_submission
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver
from llmexam.stages.provenance import code_hash
from llmexam.workflows.evaluate import load_exam
from llmexam.workflows.evidence.gather import missing_evidence
from llmexam.workflows.evidence.plan import EvidencePlan
from llmexam.workflows.evidence.same_evidence import check_evidence
from llmexam.workflows.evidence.search import attach_evidence

Progress = Callable[[int, int], None]

# Solvers deduplicate within one call, so a call gets much; but a progress bar should move. Those
# whose calls cost the same for many questions as for few get all at once (`whole_exam`).
QUESTIONS_A_CALL = 64


def solve(
    exam: Exam,
    solver: str | Solver,
    settings: Mapping[str, Any] | None = None,
    *,
    progress: Progress | None = None,
) -> ScoreMatrix:
    """Return a solver's scores for all questions of an exam.

    Args:
        exam: The questions, with their evidence.
        solver: A solver, or the name of one.
        settings: Settings by key, where a name is given.
        progress: Called with the number of questions scored so far, and of all.

    Raises:
        SettingsError: The name or a setting is wrong.
        MissingDependencyError: A package the solver needs is not installed.
        ScoreError: The solver broke its contract.
    """
    judge = create_solver(solver, settings) if isinstance(solver, str) else solver
    parts = []
    n_done = 0
    whole = bool(getattr(judge, "whole_exam", False))
    for batch in _batches(exam.questions, len(exam) if whole else QUESTIONS_A_CALL):
        scores = judge.score(batch)
        _check(scores, batch, solver)
        parts.append(scores)
        n_done += len(batch)
        if progress is not None:
            progress(n_done, len(exam))
    return ScoreMatrix.concatenate(parts)


def solve_file(
    exam: str | Path | Exam,
    solver: str,
    settings: Mapping[str, Any] | None = None,
    *,
    format: str | None = None,
    indexes: Sequence[str | Path] = (),
    index_model: str | None = None,
    k: int = 4,
    query_form: str = "prompt+each-option",
    given: str = "keep",
    out: str | Path | None = None,
    submission: str | Path | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] = lambda message: None,
    tell: Callable[[str], None] = lambda message: None,
) -> ScoreMatrix:
    """Read an exam, find evidence for it, let a solver score it, and write what is asked for.

    Args:
        exam: An exam, its file, or `bundled` for the sample.
        solver: Name of the solver.
        settings: Its settings by key.
        format: Format of the exam's file; found out where it is not given.
        indexes: Folders of indexes to find evidence in; with none, only the exam's own passages
            are used.
        index_model: The bi-encoder of a dense index that names one on the hub.
        k: Passages a question gets.
        query_form: What is looked for.
        given: What becomes of the exam's own passages.
        out: File for the scores.
        submission: File for the ranked answers.
        progress: Called with the number of questions scored so far, and of all.
        warn: Called with what the user should know, such as that there is no evidence.
        tell: Called with what the scores took beside time, such as money, if anything.

    Raises:
        LlmExamError: The exam, the indexes or the settings cannot be used.
    """
    # A wrong name or setting should show before the work begins.
    if out is not None:
        check_scores_name(out)
    judge = create_solver(solver, settings)
    check_given(given)
    asked = load_exam(exam, format)
    plan = EvidencePlan(
        index=tuple(map(str, indexes)),
        k=k,
        query_form=cast(QueryForm, query_form),
        given=cast(Given, given),
    )
    check_evidence([(solver, judge)], plan, asked)
    if indexes:
        asked = attach_evidence(
            asked,
            indexes,
            model=index_model,
            query_form=cast(QueryForm, query_form),
            k=k,
            given=cast(Given, given),
        )
    elif given == "drop":
        asked = asked.without_passages()
    for finding in missing_evidence(asked, [solver]):
        warn(finding.message)
    scores = solve(asked, judge, progress=progress)
    if usage_of(judge):
        tell(usage_of(judge))
    if out is not None:
        made_by = {"solver": solver, "exam_hash": asked.content_hash, "code_hash": code_hash()}
        used = {"settings": judge.settings.model_dump_json(), "usage": usage_of(judge)}
        write_scores(out, scores, {**made_by, **used})
    if submission is not None:
        write_submission(submission, scores)
    return scores


def usage_of(solver: Solver) -> str:
    """Return what a solver's scores took so far beside time, in words, or nothing."""
    return str(getattr(solver, "usage", ""))


def _batches(questions: Sequence[Question], n: int) -> Iterator[Sequence[Question]]:
    for start in range(0, len(questions), max(1, n)):
        yield questions[start : start + n]


def _check(scores: ScoreMatrix, batch: Sequence[Question], solver: str | Solver) -> None:
    """Check what a solver of another package may get wrong."""
    name = solver if isinstance(solver, str) else type(solver).__name__
    if scores.question_ids != tuple(q.id for q in batch):
        raise ScoreError(f"solver '{name}' returned other questions than it was asked")
    if scores.n_options.tolist() != [len(q.options) for q in batch]:
        raise ScoreError(f"solver '{name}' did not return one score an option")
