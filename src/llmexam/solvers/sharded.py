"""Score and explain questions in shards, for solvers whose results can be computed anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from llmexam.exam.packing import pack_questions, unpack_questions
from llmexam.exam.question import Question
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.walk import resolve_references
from llmexam.solvers.protocol import Explanation, Solver
from llmexam.solvers.registry import create_solver, solver_entries
from llmexam.solvers.scoring import QUESTIONS_A_CALL, Progress, score_batches
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.job import Job, Work
from llmexam.stages.versions import model_versions, origin_versions
from llmexam.storage.atomic import write_text

# A whole number of calls, so that a model gets the same batches as without shards.
SHARD_QUESTIONS = 4 * QUESTIONS_A_CALL

_EXPLANATIONS = TypeAdapter(list[Explanation])


def why_not_in_shards(solver: Solver) -> str:
    """Return why a solver cannot score in shards, or an empty text if it can.

    Args:
        solver: The solver.
    """
    described = solver.describe()
    if _name_of(solver) is None:
        return "it is not in the registry of solvers"
    if described.costs_money:
        return "requests to endpoints are sent by one process, which keeps the budget"
    if described.members:
        return "it uses the scores of other solvers"
    if described.whole_exam:
        return "its scores need the whole exam"
    return ""


def score_in_shards(
    questions: Sequence[Question],
    solver: Solver,
    cluster: Cluster,
    folder: Path,
    *,
    name: str,
    progress: Progress | None = None,
) -> ScoreMatrix:
    """Return the scores of questions, computed in shards.

    Args:
        questions: The questions, with their evidence.
        solver: A solver for which `why_not_in_shards` gives no reason.
        cluster: What computes the shards.
        folder: Folder of the shards; those that an earlier call finished are used again.
        name: What messages call this.
        progress: Called with the number of questions scored so far, and the total.

    Raises:
        RunError: A shard failed.
    """
    parts = [
        read_scores(path)[0]
        for path in _computed(
            questions, solver, cluster, folder, name, "open_scoring", ".parquet", progress
        )
    ]
    return ScoreMatrix.concatenate(parts)


def explain_in_shards(
    questions: Sequence[Question],
    solver: Solver,
    cluster: Cluster,
    folder: Path,
    *,
    name: str,
    progress: Progress | None = None,
) -> list[Explanation]:
    """Return the explanations of questions, computed in shards.

    The arguments and errors are those of `score_in_shards`.
    """
    return [
        one
        for path in _computed(
            questions, solver, cluster, folder, name, "open_explaining", ".json", progress
        )
        for one in _EXPLANATIONS.validate_json(path.read_bytes())
    ]


def _computed(
    questions: Sequence[Question],
    solver: Solver,
    cluster: Cluster,
    folder: Path,
    name: str,
    opener: str,
    suffix: str,
    progress: Progress | None,
) -> Iterator[Path]:
    registered = _name_of(solver)
    assert registered is not None
    origin = solver_entries()[registered].target.partition(":")[0]
    described = solver.describe()
    placed = resolve_references(solver.settings, Path.cwd())
    job = Job(
        name,
        f"{__name__}:{opener}",
        {"solver": registered, "settings": placed.model_dump(mode="json")},
        folder,
        depends_on=[described.weights_hash, model_versions(), origin_versions(origin)],
        modules=[type(solver).__module__],
        unit="questions",
    )
    return cluster.map_rows(
        job, questions, size=SHARD_QUESTIONS, pack=pack_questions, suffix=suffix, progress=progress
    )


def open_scoring(settings: Mapping[str, Any]) -> Work:
    """Return a function that scores the questions of a shard."""

    def score(questions: list[Question], solver: Solver, output: Path) -> None:
        batches = score_batches(questions, solver, settings["solver"])
        write_scores(output, ScoreMatrix.concatenate(list(batches)))

    return _work(settings, score)


def open_explaining(settings: Mapping[str, Any]) -> Work:
    """Return a function that explains the questions of a shard."""

    def explain(questions: list[Question], solver: Solver, output: Path) -> None:
        found = list(solver.explain(questions))
        write_text(output, _EXPLANATIONS.dump_json(found).decode("utf-8"))

    return _work(settings, explain)


def _work(
    settings: Mapping[str, Any], compute: Callable[[list[Question], Solver, Path], None]
) -> Work:
    solver = create_solver(settings["solver"], settings["settings"])

    def work(content: bytes, output: Path) -> Mapping[str, Any]:
        questions = unpack_questions(content)
        compute(questions, solver, output)
        return {"questions": len(questions)}

    return work


def _name_of(solver: Solver) -> str | None:
    """Return the name in the registry of a solver's class."""
    target = f"{type(solver).__module__}:{type(solver).__qualname__}"
    return next((name for name, one in solver_entries().items() if one.target == target), None)
