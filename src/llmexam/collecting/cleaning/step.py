"""The interface of a cleaning step: settings that create a cleaner for a part of the corpus."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from llmexam.collecting.cleaning.parts import read_ids
from llmexam.collecting.document import Document
from llmexam.settings.base import Settings

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did to one document.

    Attributes:
        text: The text after the step.
        dropped: Reason why the document is dropped; empty if it is kept.
        detail: What the reason refers to, such as the id of the document it duplicates.
        changes: Number of changes by label.
    """

    text: str
    dropped: str = ""
    detail: str = ""
    changes: Mapping[str, int] = field(default_factory=dict)


class Cleaner(Protocol):
    """Applies a step to the documents of one part of the corpus, in their order."""

    def clean(self, document: Document, row: int) -> Outcome:
        """Return the outcome for a document.

        Args:
            document: The document as the step before left it.
            row: Its row in the part, from 0.
        """
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the corpus, and where the decisions about the whole corpus are stored.

    Attributes:
        index: Number of the part, from 0.
        decisions: Folder that `CorpusStep.decide` has written; None for other steps.
    """

    index: int
    decisions: Path | None = None


class Step(Settings):
    """Settings of a cleaning step. A step that treats each document alone derives from this.

    Attributes:
        packages: Distributions beside llmexam whose version affects the result.
    """

    packages: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def cleaner(self, part: Part) -> Cleaner:
        """Return the cleaner of a part.

        Raises:
            MissingDependencyError: The step needs a package that is not installed.
        """

    def check(self) -> None:
        """Check what can be checked before documents are read, such as files and packages.

        Raises:
            LlmExamError: A file cannot be read, or a package is not installed.
        """

    def needs_corpus(self) -> bool:
        """Return whether the step must see all documents before it can clean the first one."""
        return False


class CorpusStep(Step):
    """A step whose decision about a document depends on the other documents.

    Each part is observed, in parallel; the arrays are stored on disk. Then `decide` reads the
    arrays of all parts and stores its decisions, which the cleaners of the parts apply.
    """

    @abstractmethod
    def observe(self, texts: Sequence[str]) -> Arrays:
        """Return the arrays that represent the texts of a part."""

    @abstractmethod
    def decide(self, observed: Observed, decisions: Path) -> None:
        """Read the arrays of all parts, and write decisions into a folder."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Arrays of all parts on disk.

    Attributes:
        folder: The folder of the arrays.
        n_documents: Number of documents of each part.
    """

    folder: Path
    n_documents: tuple[int, ...]

    @staticmethod
    def file(folder: Path, part: int, name: str) -> Path:
        """Return the path of an array."""
        return folder / f"{part:06}.{name}.npy"

    def load(self, part: int, name: str) -> NDArray[np.generic]:
        """Return an array of a part, memory-mapped."""
        path = self.file(self.folder, part, name)
        # An empty file cannot be mapped.
        mapped: NDArray[np.generic] = np.load(path, mmap_mode="r" if self._is_long(path) else None)
        return mapped

    @staticmethod
    def _is_long(path: Path) -> bool:
        return path.stat().st_size > 4096

    def ids(self, positions: Collection[int]) -> dict[int, str]:
        """Return the ids of the documents at the given positions."""
        starts = self.starts()
        found: dict[int, str] = {}
        part, ids = -1, []
        for position in sorted(positions):
            own = int(np.searchsorted(starts, position, side="right")) - 1
            if own != part:
                part, ids = own, read_ids(self.folder, own)
            found[position] = ids[position - int(starts[part])]
        return found

    def starts(self) -> NDArray[np.int64]:
        """Return the position of each part's first document, and the number of documents."""
        return np.concatenate([[0], np.cumsum(self.n_documents, dtype=np.int64)]).astype(np.int64)
