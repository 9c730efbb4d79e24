"""Language models asked as they are: without examples, or with examples from training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import ExamError
from llmexam.recovery.embeddings import text_vectors
from llmexam.recovery.prompting import Example
from llmexam.recovery.recoverer import Progress, no_progress
from llmexam.recovery.recoverers.language_model import (
    LanguageModelRecoverer,
    LanguageModelSettings,
)
from llmexam.recovery.rewrites import Rewrite, RewriteExam


class ZeroShotLm(LanguageModelRecoverer):
    """Asks a language model without examples."""

    def shots(self, part: RewriteExam) -> Sequence[Sequence[Example]]:
        """Return no examples."""
        return [()] * len(part)


class FewShotSettings(LanguageModelSettings):
    """Settings of `few-shot-lm`."""

    n_shots: int = Field(4, ge=1, le=64, description="number of examples")
    shots: Literal["random", "nearest"] = Field(
        "random",
        description="random: the same examples for every row, computed once for all; nearest: "
        "for each row the training rows with the most similar texts, the most similar one last",
    )


class FewShotLm(LanguageModelRecoverer):
    """Asks a language model with examples from training rows, each with another prompt."""

    settings_class = FewShotSettings
    is_fitted = True

    @property
    def _uses_embedder(self) -> bool:
        return super()._uses_embedder or self.settings.shots == "nearest"

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Choose the examples, or embed what they are chosen by.

        Raises:
            ExamError: A prompt is not known, or there are too few distinct prompts.
        """
        prompts = train.prompts
        n_distinct = len(set(prompts))
        if n_distinct < self.settings.n_shots:
            raise ExamError(
                f"expected {self.settings.n_shots} training rows with distinct prompts for "
                f"few-shot examples, got {n_distinct}",
                hint="Set a smaller n_shots, or give more training rows",
            )
        rows = list(train)
        if self.settings.shots == "random":
            order = np.random.default_rng(self.settings.seed).permutation(len(rows))
            self._fixed = self._distinct(rows, order)
        else:
            self._rows = rows
            self._keys = self._vectors_of(train)

    def shots(self, part: RewriteExam) -> Sequence[Sequence[Example]]:
        """Return the examples of each row."""
        if self.settings.shots == "random":
            return [self._fixed] * len(part)
        similar = self._vectors_of(part) @ self._keys.T
        # The most similar example stands next to the question.
        return [
            self._distinct(self._rows, np.argsort(-row, kind="stable"))[::-1] for row in similar
        ]

    def _vectors_of(self, items: RewriteExam) -> NDArray[np.float32]:
        vectors = text_vectors(self.settings.embedder)
        pairs = [vectors.encode(items.originals), vectors.encode(items.rewrittens)]
        return np.concatenate(pairs, axis=1)

    def _distinct(self, rows: Sequence[Rewrite], order: NDArray[np.int64]) -> list[Example]:
        found: dict[str, Example] = {}
        for place in order:
            row = rows[place]
            assert row.prompt is not None
            found.setdefault(row.prompt, Example(row.original, row.rewritten, row.prompt))
            if len(found) == self.settings.n_shots:
                break
        return list(found.values())
