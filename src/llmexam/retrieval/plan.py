"""The section `evidence` of a plan or a recipe."""

from __future__ import annotations

from pydantic import Field

from llmexam.evidence.chunking import ChunkSettings
from llmexam.evidence.corpus import CorpusSettings
from llmexam.evidence.index.kinds import KindName
from llmexam.evidence.queries import QueryForm
from llmexam.evidence.reranker import RerankerSettings
from llmexam.evidence.retriever import Given
from llmexam.sample import corpus_path
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import ModelRef, SampleOrPath


class EvidencePlan(Settings):
    """Source of the evidence: passages of the exam file, or retrieval."""

    corpus: OneOrMany[CorpusSettings] = Field((), description="corpora to index and search")
    index: OneOrMany[SampleOrPath] = Field((), description="folders of existing indexes")
    kinds: tuple[KindName, ...] = Field(
        ("sparse",),
        min_length=1,
        description="kinds of index to build; several are combined by reciprocal rank fusion",
    )
    model: ModelRef = Field(
        "bundled",
        description="bi-encoder of the dense index: 'bundled', a local folder, or a Hugging Face "
        "model name",
    )
    chunking: ChunkSettings = Field(
        ChunkSettings(), description="how documents are split into passages"
    )
    query_form: QueryForm = Field(
        "prompt+each-option",
        description="query formulation. prompt: question text; prompt+options: question text and "
        "all options; each-option: one query per option; prompt+each-option: one query per "
        "option, with the question text",
    )
    k: int = Field(4, ge=1, le=1000, description="passages per question (top-k)")
    given: Given = Field(
        "keep",
        description="passages in the exam file: keep (use only them), drop, or append retrieved "
        "passages to them",
    )
    reranker: RerankerSettings | None = Field(
        None, description="cross-encoder that reranks the retrieved passages"
    )

    @property
    def corpora(self) -> tuple[CorpusSettings, ...]:
        """The corpora; `bundled` is replaced by the path of the sample corpus."""
        return tuple(c.model_copy(update={"path": corpus_path(c.path)}) for c in self.corpus)

    @property
    def searches(self) -> bool:
        """Whether there is a corpus or an index to search."""
        return bool(self.corpus or self.index)
