"""The part of a plan, and of a recipe, that says how evidence is found."""

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
    """Where evidence comes from."""

    corpus: OneOrMany[CorpusSettings] = Field((), description="corpora to index and search")
    index: OneOrMany[SampleOrPath] = Field((), description="folders of existing indexes")
    kinds: tuple[KindName, ...] = Field(
        ("sparse",), min_length=1, description="indexes to build; several are fused"
    )
    model: ModelRef = Field("bundled", description="bi-encoder of the dense index")
    chunking: ChunkSettings = Field(
        ChunkSettings(), description="how documents are cut into passages"
    )
    query_form: QueryForm = Field("prompt+each-option", description="what is looked for")
    k: int = Field(4, ge=1, le=1000, description="passages a question gets")
    given: Given = Field(
        "keep",
        description="passages in the exam file: use them alone, drop them, or add what is found",
    )
    reranker: RerankerSettings | None = Field(
        None, description="a cross-encoder that chooses the passages among more of them"
    )

    @property
    def corpora(self) -> tuple[CorpusSettings, ...]:
        """The corpora, `bundled` being the sample's."""
        return tuple(c.model_copy(update={"path": corpus_path(c.path)}) for c in self.corpus)

    @property
    def searches(self) -> bool:
        """Whether there is anything to search."""
        return bool(self.corpus or self.index)
