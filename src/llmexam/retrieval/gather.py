"""Gather evidence for an exam: build indexes, search, and attach passages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmexam.evidence.chunking import ChunkSettings
from llmexam.evidence.corpus import CorpusSettings, corpus_files
from llmexam.evidence.index.files import index_hash
from llmexam.evidence.index.kinds import INDEX_KINDS, uses_model
from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.queries import QueryForm
from llmexam.evidence.reranker import RerankerSettings, load_reranker
from llmexam.evidence.retriever import Given
from llmexam.exam.audit import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.writers import write_exam
from llmexam.lm.models.card import EvidenceOrigin
from llmexam.lm.models.loading import BUNDLED, identify_model, resolve_model
from llmexam.retrieval.build import build_index, corpus_sources
from llmexam.retrieval.plan import EvidencePlan
from llmexam.retrieval.search import attach_evidence
from llmexam.retrieval.sharded_search import attach_in_shards
from llmexam.settings.walk import dump_key
from llmexam.solvers.registry import solver_entries
from llmexam.stages.stage import Executor, Keyed, Stage, StageContext
from llmexam.stages.versions import model_versions

# Indexes are stored in the run folder.
_INDEX = "index/{kind}"
_FOUND = "evidence.jsonl"


def gather_evidence(
    plan: EvidencePlan, exam: Exam, stages: Executor, folder: Path
) -> tuple[Exam, dict[str, str]]:
    """Return the exam with its evidence, and a description of the retrieval for the report.

    Args:
        plan: Corpora, indexes and how to search them; with neither, only passages that the
            exam's file gives are used.
        exam: The exam.
        stages: The stages of the run.
        folder: The run folder; it gets `index/` and `evidence.jsonl`.

    Raises:
        CorpusError: A corpus cannot be read.
        EvidenceIndexError: An index cannot be used.
    """
    if not plan.searches:
        asked = exam.without_passages() if plan.given == "drop" else exam
        n_given = sum(bool(question.passages) for question in asked)
        return asked, {
            "evidence": f"as given with the questions, for {n_given} of {len(asked)} questions"
        }
    indexes = [Path(path) for path in plan.index]
    if plan.corpus:
        indexes += [_build(plan, kind, stages, folder) for kind in plan.kinds]
    hashes = {str(path): index_hash(path) for path in indexes}
    asked = _search(plan, exam, indexes, list(hashes.values()), stages)
    n_found = sum(bool(question.passages) for question in asked)
    return asked, {
        "evidence": f"for {n_found} of {len(asked)} questions; passages in the exam file: "
        f"{plan.given}",
        "search": f"{plan.query_form}, up to {plan.k} passages, "
        + ("one index" if len(indexes) == 1 else "reciprocal rank fusion")
        + (f", reranked from the top {plan.reranker.depth}" if plan.reranker else ""),
        **{f"index {path}": found for path, found in hashes.items()},
    }


def require_evidence(plan: EvidencePlan) -> None:
    """Check that all corpora and indexes exist, before any work is done.

    Raises:
        CorpusError: A corpus does not exist.
        EvidenceIndexError: An index does not exist or is damaged.
    """
    for corpus in plan.corpora:
        corpus_files(corpus)
    for path in plan.index:
        read_manifest(path)
    if plan.reranker is not None:
        resolve_model(plan.reranker.model)


def evidence_origin(plan: EvidencePlan, exam: Exam) -> EvidenceOrigin:
    """Return the retrieval settings that produce the passages of an exam.

    Args:
        plan: The plan.
        exam: The exam as it was read, before evidence is gathered.

    Raises:
        EvidenceIndexError: An index cannot be used.
        ModelError: The bi-encoder or the reranker cannot be found.
    """
    n_given = sum(bool(q.passages) for q in exam) if plan.given != "drop" else 0
    if not plan.searches or (plan.given == "keep" and n_given == len(exam)):
        return EvidenceOrigin(source="given" if n_given else "none")
    manifests = [read_manifest(path) for path in plan.index]
    kinds = {manifest.kind for manifest in manifests} | set(plan.kinds if plan.corpus else ())
    models = {m.encoder.weights_hash for m in manifests if m.encoder is not None}
    if plan.corpus and any(map(uses_model, plan.kinds)):
        models.add(resolve_model(plan.model).weights_hash)
    chunkings = [manifest.chunking or {} for manifest in manifests]
    if plan.corpus:
        chunkings.append(plan.chunking.model_dump())
    same = all(chunking == chunkings[0] for chunking in chunkings)
    return EvidenceOrigin(
        # With `append` all questions have both, with `keep` each has one or the other.
        source=f"given {'and' if plan.given == 'append' else 'or'} retrieved"
        if n_given
        else "retrieved",
        kinds=tuple(sorted(kinds)),
        model=" ".join(sorted(models)),
        chunking=chunkings[0] if same else {"several": chunkings},
        query_form=plan.query_form,
        k=plan.k,
        reranker=resolve_model(plan.reranker.model).weights_hash if plan.reranker else "",
        depth=plan.reranker.depth if plan.reranker else 0,
    )


def missing_evidence(exam: Exam, solvers: Sequence[str]) -> tuple[Finding, ...]:
    """Return a finding if questions have no passages although a solver reads them.

    Args:
        exam: The questions as the solvers see them.
        solvers: Names of the solvers.
    """
    # A trainer without a solver that uses passages is a reranker.
    blind = {name for name, entry in solver_entries().items() if not entry.uses_evidence}
    readers = [name for name in solvers if name not in blind]
    rows = tuple(row for row, question in enumerate(exam, 1) if not question.passages)
    if not readers or not rows:
        return ()
    message = (
        f"{len(rows)} of {len(exam)} questions have no passages for "
        f"{' and '.join(readers)}: add evidence (a corpus or an index)"
    )
    return (Finding("no evidence", "warning", message, rows),)


def _build(plan: EvidencePlan, kind: str, stages: Executor, folder: Path) -> Path:
    output = _INDEX.format(kind=kind)
    stages.run(
        Stage(
            name=f"index {kind}",
            function=_build_index,
            # The index stays on disk; the search opens it by its path.
            load=lambda context, **inputs: None,
            inputs={
                "corpora": Keyed(plan.corpora, _key_of_corpora(plan)),
                "chunking": plan.chunking,
                "model": Keyed(plan.model, identify_model(plan.model) if uses_model(kind) else ""),
                "versions": Keyed(None, model_versions() if uses_model(kind) else {}),
                "kind": kind,
            },
            outputs=[output],
            code=[build_index.__module__, INDEX_KINDS[kind].module],
        )
    )
    return folder / output


def _key_of_corpora(plan: EvidencePlan) -> list[object]:
    """Return what the files of the corpora say, and how they are read."""
    read = [dump_key(corpus, without=("path",)) for corpus in plan.corpora]
    return [[source.model_dump() for source in corpus_sources(plan.corpora)], read]


def _build_index(
    context: StageContext,
    *,
    corpora: Sequence[CorpusSettings],
    chunking: ChunkSettings,
    model: str,
    kind: str,
    versions: None,
) -> None:
    build_index(
        corpora,
        context.folder / _INDEX.format(kind=kind),
        kind=kind,
        chunking=chunking,
        model=model if uses_model(kind) else None,
        progress=context.advance,
    )


def _search(
    plan: EvidencePlan, exam: Exam, indexes: Sequence[Path], hashes: Sequence[str], stages: Executor
) -> Exam:
    found = stages.run(
        Stage(
            name="search",
            function=_find_evidence,
            load=_load_evidence,
            inputs={
                "exam": exam,
                "indexes": Keyed(indexes, hashes),
                "query_form": plan.query_form,
                "k": plan.k,
                "given": plan.given,
                # The default is no choice of the user's, and the hash of an index holds its model.
                "model": Keyed(None if plan.model == BUNDLED else plan.model, None),
                "reranker": plan.reranker,
                "versions": Keyed(None, model_versions() if plan.reranker else {}),
            },
            outputs=[_FOUND],
            # Kinds of index are imported by name, which the code hash cannot follow.
            code=[
                attach_evidence.__module__,
                *(kind.module for kind in INDEX_KINDS.values()),
                *(kind.parts_module for kind in INDEX_KINDS.values()),
            ],
        )
    )
    return exam.with_passages([question.passages for question in found])


def _find_evidence(
    context: StageContext,
    *,
    exam: Exam,
    indexes: Sequence[Path],
    query_form: QueryForm,
    k: int,
    given: Given,
    model: str | None,
    reranker: RerankerSettings | None,
    versions: None,
) -> Exam:
    asked: dict[str, Any] = {
        "query_form": query_form,
        "k": k,
        "given": given,
        "model": model,
        "progress": context.advance,
    }
    if context.cluster is None:
        loaded = load_reranker(reranker) if reranker else None
        found = attach_evidence(exam, indexes, reranker=loaded, **asked)
    else:
        shards = context.folder / context.shards
        found = attach_in_shards(exam, indexes, context.cluster, shards, reranker=reranker, **asked)
    write_exam(context.folder / _FOUND, found, format="jsonl")
    return found


def _load_evidence(context: StageContext, **inputs: object) -> Exam:
    return read_exam(context.folder / _FOUND, format="jsonl", keep_labels=True)
