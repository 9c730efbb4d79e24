"""Score an exam with a solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import SettingsError
from llmexam.evidence.index.manifest import read_manifest
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.parsers import ExamSource
from llmexam.exam.parsers.files import ExamPath
from llmexam.exam.score_files import check_scores_name, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import write_submission
from llmexam.retrieval.gather import missing_evidence
from llmexam.retrieval.plan import EvidencePlan
from llmexam.retrieval.same_evidence import check_evidence
from llmexam.retrieval.search import attach_evidence, check_model_is_used
from llmexam.retrieval.sharded_search import attach_in_shards
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver, solver_entries
from llmexam.solvers.scoring import Progress
from llmexam.solvers.scoring import solve as score_questions
from llmexam.solvers.sharded import score_in_shards, why_not_in_shards
from llmexam.stages.code import code_hash
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.folder import delete_shards
from llmexam.storage.locking import lock_folder
from llmexam.tasks.lookup import require_default_task
from llmexam.workflows.batches import Batch


def solve(
    exam: Exam | ExamSource | ExamPath,
    solver: str | Solver,
    settings: Mapping[str, Any] | Settings | None = None,
    *,
    format: str | None = None,
    indexes: Sequence[str | Path] = (),
    index_model: str | None = None,
    k: int = 4,
    query_form: str = "prompt+each-option",
    given: str = "keep",
    out: str | Path | None = None,
    submission: str | Path | None = None,
    batch: Batch | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    cluster: Cluster | None = None,
    warn: Callable[[str], None] = lambda message: None,
    tell: Callable[[str], None] = lambda message: None,
) -> ScoreMatrix:
    """Return a solver's scores for all questions of an exam, and optionally write them to files.

    Args:
        exam: An exam, its file, or `bundled` for the sample.
        solver: A solver, or the name of one.
        settings: Its settings, where a name is given.
        format: Format of the exam's file; found out where it is not given.
        indexes: Folders of indexes to find evidence in; with none, the passages of the exam are
            used.
        index_model: The bi-encoder of a dense index that names one on the hub.
        k: Passages a question gets.
        query_form: Text that is searched for, such as `prompt`.
        given: What is done with passages that the exam has: `keep`, `drop` or `append`.
        out: File for the scores (`.parquet`).
        submission: File for the ranked answers (`.csv`).
        batch: Files to exchange requests and replies of a served model by, instead of sending
            requests.
        progress: Called with the number of questions scored so far, and of all.
        workers: Processes of solvers that use one core, such as `lexical`; None for all cores
            where that is faster.
        cluster: What computes shards of questions; needs `out` or `submission`. Finished shards are
            stored beside that file until it is written, so that an interrupted call resumes.
        warn: Called with warnings, such as that questions have no evidence.
        tell: Called with the usage, such as tokens and cost, if there is any.

    Raises:
        LlmExamError: The exam, the indexes or the settings cannot be used, or a solver of another
            package returned scores of the wrong shape; with `batch`, `BatchPendingError` where
            requests were written that have no replies yet.
    """
    # A wrong name or setting should show before the work begins.
    if out is not None:
        check_scores_name(out)
    target = out if out is not None else submission
    name = solver if isinstance(solver, str) else type(solver).__name__
    solver = _made(solver, name, settings, batch)
    if cluster is not None:
        _require_shards(name, solver, target, batch)
    found = {"index": list(map(str, indexes)), "k": k, "query_form": query_form, "given": given}
    plan = EvidencePlan.parse(found, subject="the evidence")
    check_model_is_used(indexes, index_model, field="index_model")
    if format is None and not (isinstance(exam, ExamSource) and exam.options.format):
        require_default_task(exam, "solve")
    asked = load_exam(exam, format)
    # How the passages of an exam in memory were found is not recorded.
    if indexes or not isinstance(exam, Exam):
        check_evidence([(name, solver)], plan, asked)
    asked = _with_evidence(asked, plan, indexes, index_model, cluster, target)
    reads = name in solver_entries() and solver.describe().reads_passages
    for finding in missing_evidence(asked, [name] if reads else []):
        warn(finding.message)
    if batch is not None:
        batch.exchange(solver, asked.questions, tell)
    if cluster is not None and target is not None:
        scores = _score_in_shards(asked, solver, cluster, target, name, progress)
    else:
        scores = score_questions(asked, solver, progress=progress, workers=workers)
    usage = str(solver.used())
    if usage:
        tell(usage)
    provenance = {
        "solver": name,
        "exam_hash": asked.content_hash,
        "code_hash": code_hash(),
        "settings": solver.settings.model_dump_json(),
        "usage": usage,
    }
    _write(scores, provenance, out, submission)
    if cluster is not None and target is not None:
        delete_shards(shards_folder(target))
    return scores


def _with_evidence(
    exam: Exam,
    plan: EvidencePlan,
    indexes: Sequence[str | Path],
    model: str | None,
    cluster: Cluster | None,
    target: str | Path | None,
) -> Exam:
    if not indexes:
        return exam.without_passages() if plan.given == "drop" else exam
    how: dict[str, Any] = {"query_form": plan.query_form, "k": plan.k, "given": plan.given}
    if cluster is None or target is None:
        return attach_evidence(exam, indexes, model=model, **how)
    for index in indexes:
        # Before a folder is made beside the output.
        read_manifest(index)
    with lock_folder(shards_folder(target)) as shards:
        return attach_in_shards(exam, indexes, cluster, shards / "evidence", model=model, **how)


def _score_in_shards(
    exam: Exam,
    solver: Solver,
    cluster: Cluster,
    target: str | Path,
    name: str,
    progress: Progress | None,
) -> ScoreMatrix:
    with lock_folder(shards_folder(target)) as shards:
        return score_in_shards(
            exam.questions, solver, cluster, shards, name=f"scores of {name}", progress=progress
        )


def _write(
    scores: ScoreMatrix,
    provenance: Mapping[str, str],
    out: str | Path | None,
    submission: str | Path | None,
) -> None:
    if out is not None:
        write_scores(out, scores, provenance)
    if submission is not None:
        write_submission(submission, scores)


def shards_folder(output: str | Path) -> Path:
    """Return the folder of the shards of an output file, which is beside it.

    >>> shards_folder("scores.parquet").name
    'scores.parquet.shards'
    """
    path = Path(output).absolute()
    return path.with_name(f"{path.name}.shards")


def _require_shards(
    name: str, solver: Solver, target: str | Path | None, batch: Batch | None
) -> None:
    """Check that a solver can be used with a cluster.

    Raises:
        SettingsError: It cannot, or there is no output file.
    """
    if target is None:
        raise SettingsError(
            "expected an output file with a cluster, because shards are stored beside it",
            field="cluster",
            hint="Give --out or --submission",
        )
    reason = "batch files are read by one process" if batch else why_not_in_shards(solver)
    if reason:
        raise SettingsError(
            f"solver '{name}' cannot be used with a cluster: {reason}",
            field="cluster",
            hint="Leave out --cluster",
        )


def _made(
    solver: str | Solver,
    name: str,
    settings: Mapping[str, Any] | Settings | None,
    batch: Batch | None,
) -> Solver:
    """Return a solver by name with its settings, or a solver that was made already."""
    if batch is not None:
        return batch.solver(solver, settings)
    if isinstance(solver, str):
        return create_solver(solver, settings)
    if settings:
        raise SettingsError(
            f"expected settings with the name of a solver, got settings with a {name}",
            field="settings",
            hint=f"Make the solver with them: {name}(...)",
        )
    return solver
