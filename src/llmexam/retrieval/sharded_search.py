"""Find the evidence of questions in shards that workers of a cluster compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.evidence.index.files import index_hash
from llmexam.evidence.index.kinds import INDEX_KINDS
from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.index.opening import open_index
from llmexam.evidence.queries import QueryForm
from llmexam.evidence.reranker import RerankerSettings, load_reranker
from llmexam.evidence.retriever import (
    Given,
    IndexRetriever,
    attach_passages,
    searched_questions,
    with_found,
)
from llmexam.exam.exam import Exam
from llmexam.exam.packing import pack_questions, unpack_questions
from llmexam.lm.models.loading import BUNDLED, is_local_model, resolve_model
from llmexam.retrieval.search import QUESTIONS_A_CALL
from llmexam.settings.walk import resolve_model_name, resolve_references
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.job import Job, Work
from llmexam.stages.versions import model_versions
from llmexam.storage.atomic import atomic_path


def attach_in_shards(
    exam: Exam,
    indexes: Sequence[str | Path],
    cluster: Cluster,
    folder: Path,
    *,
    query_form: QueryForm,
    k: int,
    given: Given,
    model: str | None = None,
    reranker: RerankerSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Exam:
    """Return the exam with passages that workers found, the same as those of `attach_evidence`.

    Args:
        exam: The exam; its answers are not used.
        indexes: Folders of indexes, which all workers must be able to read.
        cluster: What computes the shards.
        folder: Folder of the shards; those that an earlier call finished are used again.
        query_form: Query formulation.
        k: Maximum number of retrieved passages per question.
        given: Treatment of passages that questions already have.
        model: The bi-encoder of dense indexes; None is the one that the index names.
        reranker: A cross-encoder that selects the passages among more of them.
        progress: Called with the number of questions that were searched for, and of all of these.

    Raises:
        EvidenceIndexError: An index cannot be used.
        RunError: A shard failed.
    """
    places = searched_questions(exam, given)
    placed = None if reranker is None else resolve_references(reranker, Path.cwd())
    job = Job(
        "search",
        f"{__name__}:open_searching",
        {
            "indexes": [[str(Path(path).absolute()), _model_of(path, model)] for path in indexes],
            "query_form": query_form,
            "k": k,
            "given": given,
            "reranker": None if placed is None else placed.model_dump(mode="json"),
        },
        folder,
        depends_on=[
            [index_hash(path) for path in indexes],
            None if placed is None else resolve_model(placed.model).weights_hash,
            model_versions(),
        ],
        # Kinds of index are imported by name, which the code hash cannot follow.
        modules=[
            module for kind in INDEX_KINDS.values() for module in (kind.module, kind.parts_module)
        ],
        unit="questions",
    )
    outputs = cluster.map_rows(
        job,
        [exam[place] for place in places],
        size=QUESTIONS_A_CALL,
        pack=pack_questions,
        suffix=".jsonl",
        progress=progress,
    )
    found = (question for output in outputs for question in unpack_questions(output.read_bytes()))
    return with_found(exam, places, found)


def _model_of(index: str | Path, model: str | None) -> str | None:
    """Return the bi-encoder of an index as a worker must name it, which has another working folder.

    Args:
        index: The index.
        model: The bi-encoder that the user named; None for that of the manifest.
    """
    if model is None:
        encoder = read_manifest(index).encoder
        # Other models must be named by the user, which the worker finds out.
        if encoder is None or not is_local_model(encoder.model):
            return None
        model = encoder.model
    return model if model == BUNDLED else resolve_model_name(model, Path.cwd())


def open_searching(settings: Mapping[str, Any]) -> Work:
    """Return a function that finds the evidence of the questions of a shard."""
    retriever = IndexRetriever(
        *(open_index(path, model=model) for path, model in settings["indexes"])
    )
    reranker = None
    if settings["reranker"] is not None:
        reranker = load_reranker(RerankerSettings.model_validate(settings["reranker"]))

    def work(content: bytes, output: Path) -> Mapping[str, Any]:
        found = attach_passages(
            Exam(tuple(unpack_questions(content))),
            retriever,
            query_form=settings["query_form"],
            k=settings["k"],
            given=settings["given"],
            reranker=reranker,
        )
        with atomic_path(output) as temporary:
            temporary.write_bytes(pack_questions(found.questions))
        return {"questions": len(found)}

    return work
