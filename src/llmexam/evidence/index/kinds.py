"""Registry of kinds of index. To add one, add a module to this package and a line here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator

from llmexam.evidence.index.manifest import Manifest, Source
from llmexam.exam.question import Passage


class EvidenceIndex(Protocol):
    """Interface of all kinds of index."""

    manifest: Manifest

    def __len__(self) -> int: ...

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return at most k passages for every query, best first, with scores."""
        ...

    def add(self, passages: Iterable[Passage], *, sources: Sequence[Source] = ()) -> int:
        """Add passages, replacing existing documents; return the number of added passages."""
        ...

    def delete(self, ids: Iterable[str]) -> int:
        """Delete passages or documents by id; return the number of deleted passages."""
        ...


@dataclass(frozen=True, slots=True)
class IndexKind:
    """Import path of a kind of index.

    Attributes:
        target: `module:Class`, imported only when an index is built or opened. The class has the
            methods `build`, `open` and `verify` of `SparseIndex`, or of `DenseIndex` if it uses a
            model.
        parts_target: The same for the class of such indexes in parts.
        uses_model: Whether it holds vectors of a bi-encoder, which `build` and `open` then get.
    """

    target: str
    parts_target: str
    uses_model: bool = False

    @property
    def module(self) -> str:
        """The module of the class, for the code hash of a stage."""
        return self.target.partition(":")[0]

    @property
    def index_class(self) -> Any:
        """The class of such an index."""
        return _load(self.target)

    @property
    def parts_module(self) -> str:
        """The module of the class of indexes in parts."""
        return self.parts_target.partition(":")[0]

    @property
    def parts_class(self) -> Any:
        """The class of such an index in parts."""
        return _load(self.parts_target)


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


INDEX_KINDS = {
    "sparse": IndexKind(
        "llmexam.evidence.index.sparse:SparseIndex",
        "llmexam.evidence.index.parts.sparse:SparseParts",
    ),
    "dense": IndexKind(
        "llmexam.evidence.index.dense:DenseIndex",
        "llmexam.evidence.index.parts.dense:DenseParts",
        uses_model=True,
    ),
}
"""All kinds by name."""


def uses_model(kind: str) -> bool:
    """Return whether a kind of index stores the vectors of a bi-encoder."""
    return kind in INDEX_KINDS and INDEX_KINDS[kind].uses_model


def _require_known(kind: str) -> str:
    if kind not in INDEX_KINDS:
        raise ValueError(f"expected one of {', '.join(sorted(INDEX_KINDS))}")
    return kind


KindName = Annotated[str, AfterValidator(_require_known)]
"""The name of a kind of index."""
