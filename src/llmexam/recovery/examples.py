"""Few-shot examples for language models, chosen from rows with known prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import ExamError
from llmexam.recovery.embeddings import TextVectors
from llmexam.recovery.prompting import Example
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.settings.base import Settings

# Rows of the similarity matrix computed at a time, to bound memory.
_CHUNK = 256


class ExampleSettings(Settings):
    """How many examples are shown, and which."""

    n_shots: int = Field(4, ge=1, le=64, description="number of examples")
    shots: Literal["random", "nearest"] = Field(
        "random",
        description="random: one random set of examples for all rows; nearest: the training rows "
        "with the most similar texts, the most similar one last",
    )


class ExamplePool:
    """Chooses examples with distinct prompts from training rows.

    Args:
        train: The rows.
        settings: How many examples, and which.
        vectors: Returns the embedder that finds the nearest rows; not called for random ones.
        seed: Random seed of random examples.

    Raises:
        ExamError: A prompt is not known, or there are too few distinct prompts.
    """

    def __init__(
        self,
        train: RewriteExam,
        settings: ExampleSettings,
        *,
        vectors: Callable[[], TextVectors],
        seed: int,
    ) -> None:
        n_distinct = len(set(train.prompts))
        if n_distinct < settings.n_shots:
            raise ExamError(
                f"expected {settings.n_shots} training rows with distinct prompts for "
                f"few-shot examples, got {n_distinct}",
                hint="Set a smaller n_shots, or give more training rows",
            )
        self._n = settings.n_shots
        self._vectors = vectors
        self._rows = list(train)
        self._fixed: list[Example] | None = None
        if settings.shots == "random":
            self._fixed = self._distinct(np.random.default_rng(seed).permutation(len(train)))
        else:
            self._keys = self._vectors_of(train)

    def choose(self, part: RewriteExam) -> Sequence[Sequence[Example]]:
        """Return the examples of each row."""
        if self._fixed is not None:
            return [self._fixed] * len(part)
        vectors = self._vectors_of(part)
        # The most similar example stands next to the question.
        return [
            self._distinct(np.argsort(-row, kind="stable"))[::-1]
            for start in range(0, len(vectors), _CHUNK)
            for row in vectors[start : start + _CHUNK] @ self._keys.T
        ]

    def _vectors_of(self, items: RewriteExam) -> NDArray[np.float32]:
        vectors = self._vectors()
        pairs = [vectors.encode(items.originals), vectors.encode(items.rewrittens)]
        return np.concatenate(pairs, axis=1)

    def _distinct(self, order: NDArray[np.int64]) -> list[Example]:
        found: dict[str, Example] = {}
        for place in order:
            row: Rewrite = self._rows[place]
            assert row.prompt is not None
            found.setdefault(row.prompt, Example(row.original, row.rewritten, row.prompt))
            if len(found) == self._n:
                break
        return list(found.values())
