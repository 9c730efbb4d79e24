"""Let a solver score an exam."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.exam.exam import Exam
from llmexam.exam.score_files import check_scores_name, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import write_submission
from llmexam.solvers.registry import create_solver
from llmexam.solvers.scoring import Progress, solve
from llmexam.stages.code import code_hash
from llmexam.workflows.evaluate import load_exam
from llmexam.workflows.evidence.gather import missing_evidence
from llmexam.workflows.evidence.plan import EvidencePlan
from llmexam.workflows.evidence.same_evidence import check_evidence
from llmexam.workflows.evidence.search import attach_evidence, check_model_is_used


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
    found = {"index": list(map(str, indexes)), "k": k, "query_form": query_form, "given": given}
    plan = EvidencePlan.parse(found, subject="the evidence")
    check_model_is_used(indexes, index_model, field="index_model")
    asked = load_exam(exam, format)
    check_evidence([(solver, judge)], plan, asked)
    if indexes:
        asked = attach_evidence(
            asked,
            indexes,
            model=index_model,
            query_form=plan.query_form,
            k=plan.k,
            given=plan.given,
        )
    elif plan.given == "drop":
        asked = asked.without_passages()
    for finding in missing_evidence(asked, [solver]):
        warn(finding.message)
    scores = solve(asked, judge, progress=progress)
    usage = str(judge.used())
    if usage:
        tell(usage)
    if out is not None:
        made_by = {"solver": solver, "exam_hash": asked.content_hash, "code_hash": code_hash()}
        used = {"settings": judge.settings.model_dump_json(), "usage": usage}
        write_scores(out, scores, {**made_by, **used})
    if submission is not None:
        write_submission(submission, scores)
    return scores
