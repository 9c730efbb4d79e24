"""What recoverers share that ask a language model, on this machine or behind an endpoint."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from llmexam.recovery.examples import ExamplePool
from llmexam.recovery.prompting import Example
from llmexam.recovery.recoverer import Progress, Recoverer, no_progress
from llmexam.recovery.rewrites import RewriteExam
from llmexam.storage.hashing import hash_json


class Asking(Recoverer):
    """Asks a language model; its settings have `n_candidates` and those of an embedder."""

    @property
    @abstractmethod
    def model_identity(self) -> str:
        """What identifies the model: the hash of its files, or its name."""

    @property
    def weights_hash(self) -> str:
        """Hash of the model, and of the embedder where one decides the answers."""
        parts = [self.model_identity]
        if self._uses_embedder:
            parts.append(self.settings.vectors.embedder.weights_hash)
        return hash_json(parts)

    @property
    def _uses_embedder(self) -> bool:
        return bool(self.settings.n_candidates > 1)

    def shots(self, items: RewriteExam) -> Sequence[Sequence[Example]]:
        """Return the few-shot examples of each row: none."""
        return [()] * len(items)


class FewShot(Asking):
    """Shows examples from training rows; its settings are `ExampleSettings` as well.

    It comes before the class that asks the model: `class FewShotLm(FewShot, ...)`.
    """

    is_fitted = True

    @property
    def _uses_embedder(self) -> bool:
        return super()._uses_embedder or self.settings.shots == "nearest"

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Choose the examples, or embed what they are chosen by.

        Raises:
            ExamError: A prompt is not known, or there are too few distinct prompts.
        """
        settings = self.settings
        # Endpoints may have no seed.
        self._pool = ExamplePool(
            train, settings, vectors=lambda: settings.vectors, seed=settings.seed or 0
        )

    def shots(self, items: RewriteExam) -> Sequence[Sequence[Example]]:
        """Return the examples of each row."""
        return self._pool.choose(items)
