"""Find evidence for the questions of an exam: build what has to be built, search, attach."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from llmexam.evidence.corpus import corpus_files
from llmexam.evidence.index.files import index_hash
from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.reranker import load_reranker
from llmexam.exam.audit import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.writers import write_exam
from llmexam.lm.models.card import EvidenceOrigin
from llmexam.lm.models.loading import BUNDLED, resolve_model
from llmexam.solvers.registry import solver_entries
from llmexam.stages.code import code_hash
from llmexam.stages.stages import Stages
from llmexam.stages.versions import model_versions
from llmexam.workflows.evidence.index import build_index, corpus_sources
from llmexam.workflows.evidence.plan import EvidencePlan
from llmexam.workflows.evidence.search import attach_evidence

# Builds are kept beside the run's other results.
_INDEX = "index/{kind}"
_FOUND = "evidence.jsonl"


def gather_evidence(
    plan: EvidencePlan, exam: Exam, stages: Stages, folder: Path
) -> tuple[Exam, dict[str, str]]:
    """Return the exam with its evidence, and what a report says of where that came from.

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
        return asked, {"evidence": f"as given, for {n_given} of {len(asked)} questions"}
    indexes = [Path(path) for path in plan.index]
    if plan.corpus:
        indexes += [_build(plan, kind, stages, folder) for kind in plan.kinds]
    hashes = {str(path): index_hash(path) for path in indexes}
    asked = _search(plan, exam, indexes, hashes, stages, folder)
    n_found = sum(bool(question.passages) for question in asked)
    return asked, {
        "evidence": f"for {n_found} of {len(asked)} questions; given passages: {plan.given}",
        "search": f"{plan.query_form}, up to {plan.k} passages, "
        + ("one index" if len(indexes) == 1 else "reciprocal rank fusion")
        + (f", chosen among {plan.reranker.depth} by a reranker" if plan.reranker else ""),
        **{f"index {path}": found for path, found in hashes.items()},
    }


def require_evidence(plan: EvidencePlan) -> None:
    """Check that all corpora and indexes are there, before any work is done.

    Raises:
        CorpusError: A corpus is not there.
        EvidenceIndexError: An index is not there or damaged.
    """
    for corpus in plan.corpora:
        corpus_files(corpus)
    for path in plan.index:
        read_manifest(path)
    if plan.reranker is not None:
        resolve_model(plan.reranker.model)


def evidence_origin(plan: EvidencePlan, exam: Exam) -> EvidenceOrigin:
    """Return how the passages of an exam are found by a plan.

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
    if plan.corpus and "dense" in plan.kinds:
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
    """Return a warning if questions have no passages although a solver reads them.

    Args:
        exam: The questions as the solvers see them.
        solvers: Names of the solvers.
    """
    # What is no solver and is trained on passages is a reranker.
    blind = {name for name, entry in solver_entries().items() if not entry.uses_evidence}
    readers = [name for name in solvers if name not in blind]
    rows = tuple(row for row, question in enumerate(exam, 1) if not question.passages)
    if not readers or not rows:
        return ()
    message = (
        f"{len(rows)} of {len(exam)} questions have no passages, which {' and '.join(readers)} "
        "would read: add evidence (a corpus or an index)"
    )
    return (Finding("no evidence", "warning", message, rows),)


def _build(
    plan: EvidencePlan, kind: Literal["sparse", "dense"], stages: Stages, folder: Path
) -> Path:
    place = _INDEX.format(kind=kind)
    inputs = {
        "sources": [source.model_dump() for source in corpus_sources(plan.corpora)],
        "fields": [corpus.model_dump(mode="json") for corpus in plan.corpora],
        "chunking": plan.chunking.model_dump(),
        "weights": resolve_model(plan.model).weights_hash if kind == "dense" else "",
        "code": code_hash(),
        "versions": model_versions() if kind == "dense" else {},
    }

    def compute() -> Path:
        build_index(
            plan.corpora,
            folder / place,
            kind=kind,
            chunking=plan.chunking,
            model=plan.model,
            progress=stages.advance,
        )
        return folder / place

    return stages.run(
        f"index {kind}", inputs, [place], compute=compute, load=lambda: folder / place
    )


def _search(
    plan: EvidencePlan,
    exam: Exam,
    indexes: Sequence[Path],
    hashes: dict[str, str],
    stages: Stages,
    folder: Path,
) -> Exam:
    path = folder / _FOUND

    def compute() -> Exam:
        found = attach_evidence(
            exam,
            indexes,
            query_form=plan.query_form,
            k=plan.k,
            given=plan.given,
            # The default is no choice of the user's.
            model=None if plan.model == BUNDLED else plan.model,
            reranker=load_reranker(plan.reranker) if plan.reranker else None,
        )
        write_exam(path, found, format="jsonl")
        return found

    def load() -> Exam:
        found = read_exam(path, format="jsonl")
        return exam.with_passages([question.passages for question in found])

    inputs = {
        "exam": exam.content_hash,
        "indexes": list(hashes.values()),
        "query_form": plan.query_form,
        "k": plan.k,
        "given": plan.given,
        "code": code_hash(),
    }
    if plan.reranker is not None:
        weights = resolve_model(plan.reranker.model).weights_hash
        inputs["reranker"] = {**plan.reranker.model_dump(), "weights": weights}
        inputs["versions"] = model_versions()
    return stages.run(
        "search",
        inputs,
        [_FOUND],
        compute=compute,
        load=load,
    )
