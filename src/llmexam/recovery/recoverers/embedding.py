"""What recoverers share that learn from embeddings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from llmexam.recovery.embeddings import TextVectors
from llmexam.recovery.recoverer import Progress, Recoverer, Recovery, no_progress
from llmexam.recovery.rewrites import RewriteExam

# Rows at a time, to bound the memory of their similarities to all prompts.
_ROWS = 256


class EmbeddingRecoverer(Recoverer):
    """Recovers rows in parts; its settings are `EmbedderSettings`."""

    is_fitted = True
    extra = "encoders"
    package = "torch"

    @property
    def vectors(self) -> TextVectors:
        """Vectors of texts by the embedder."""
        found: TextVectors = self.settings.vectors
        return found

    @property
    def weights_hash(self) -> str:
        """Hash of the embedder."""
        return self.vectors.embedder.weights_hash

    def recover(self, items: RewriteExam, progress: Progress = no_progress) -> Sequence[Recovery]:
        """Return one recovery for each row, in order."""
        found: list[Recovery] = []
        for start in range(0, len(items), _ROWS):
            part = items.subset(range(start, min(start + _ROWS, len(items))))
            found += self.recover_part(part)
            progress(len(found), len(items))
        return found

    @abstractmethod
    def recover_part(self, part: RewriteExam) -> Sequence[Recovery]:
        """Return one recovery for each of a few rows."""
