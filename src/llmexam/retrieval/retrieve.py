"""Retrieve evidence for an exam from corpora and indexes, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from llmexam.evidence.chunking import ChunkSettings
from llmexam.evidence.corpus import CorpusSettings
from llmexam.evidence.index.kinds import uses_model
from llmexam.evidence.index.manifest import is_index
from llmexam.evidence.reranker import RerankerSettings, load_reranker
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.retrieval.build import build_index
from llmexam.retrieval.plan import EvidencePlan
from llmexam.retrieval.search import attach_evidence, check_model_is_used

Source = str | Path | CorpusSettings


def retrieve(
    exam: Exam | str | Path,
    sources: Source | Sequence[Source],
    *,
    k: int = 4,
    query_form: str = "prompt+each-option",
    given: str = "keep",
    kinds: Sequence[str] = ("sparse",),
    chunking: ChunkSettings | None = ChunkSettings(),  # noqa: B008 - frozen
    model: str | None = None,
    reranker: RerankerSettings | None = None,
) -> Exam:
    """Return the exam with passages retrieved from corpora or indexes.

    Corpora are indexed in a temporary folder, which is deleted afterwards. To search a corpus more
    than once, build an index first.

    Args:
        exam: The questions, their file, or `bundled` for the sample exam.
        sources: Indexes and corpora: folders of indexes, files or folders of a corpus, settings of
            a corpus, or `bundled` for the sample corpus. Rankings of several are fused.
        k: Passages per question.
        query_form: Text that is searched for: `prompt`, `prompt+options`, `each-option` or
            `prompt+each-option`.
        given: What is done with passages that the exam has: `keep` them and search only for
            questions without any, `drop` them, or `append` what is found.
        kinds: Kinds of index that are built for the corpora.
        chunking: How documents are cut into passages; None keeps them whole.
        model: The bi-encoder of dense indexes; None is the one that the index names.
        reranker: A cross-encoder that selects the passages among more of them.

    Raises:
        ExamError: The exam cannot be read.
        CorpusError: A corpus cannot be read.
        EvidenceIndexError: An index cannot be used.
        SettingsError: A setting is wrong.
        MissingDependencyError: An index is dense, and the extra `encoders` is not installed.
    """
    many = [sources] if isinstance(sources, Source) else list(sources)
    indexes = [Path(one) for one in many if isinstance(one, str | Path) and is_index(one)]
    corpora = [one for one in many if isinstance(one, CorpusSettings) or not is_index(one)]
    asked = {"k": k, "query_form": query_form, "given": given, "kinds": list(kinds)}
    plan = EvidencePlan.parse(asked, subject="retrieve", given_as="{key}={value}")
    questions = load_exam(exam)
    with TemporaryDirectory(prefix="llmexam-") as folder:
        for kind in plan.kinds if corpora else ():
            built = Path(folder) / kind
            used = model if uses_model(kind) else None
            build_index(corpora, built, kind=kind, chunking=chunking, model=used)
            indexes.append(built)
        check_model_is_used(indexes, model)
        return attach_evidence(
            questions,
            indexes,
            query_form=plan.query_form,
            k=plan.k,
            given=plan.given,
            model=model,
            reranker=load_reranker(reranker) if reranker else None,
        )
