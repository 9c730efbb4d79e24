"""Nearest neighbours: the prompts of training rows whose texts changed in a similar way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import ExamError
from llmexam.recovery.consensus import Decoder, softmax
from llmexam.recovery.embeddings import EmbedderSettings, TextVectors
from llmexam.recovery.recoverer import Progress, Recovery, no_progress
from llmexam.recovery.recoverers.embedding import EmbeddingRecoverer
from llmexam.recovery.rewrites import RewriteExam

Floats = NDArray[np.float32]


class NeighbourSettings(EmbedderSettings):
    """Settings of `nearest-neighbours`."""

    k: int = Field(16, ge=1, description="number of neighbours")
    original: float = Field(0.1, ge=0, description="weight of the similarity of originals")
    rewritten: float = Field(0.5, ge=0, description="weight of the similarity of rewritten texts")
    difference: float = Field(
        0.4, ge=0, description="weight of the similarity of rewritten minus original"
    )
    temperature: float = Field(
        0.05, gt=0, description="how fast the weight of a neighbour falls with its similarity"
    )
    consensus: bool = Field(
        True,
        description="choose the prompt with the highest expected score (minimum Bayes risk); "
        "false: the one with the largest total weight of its neighbours",
    )


class NearestNeighbours(EmbeddingRecoverer):
    """Answers with a prompt of the training rows, chosen by the most similar pairs of texts."""

    settings_class = NeighbourSettings

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Embed the training rows."""
        if not len(train):
            raise ExamError("expected training rows, got none")
        vectors = self.vectors
        self._train = self._parts(train, vectors)
        place: dict[str, int] = {}
        self._prompt_of = np.array(
            [place.setdefault(prompt, len(place)) for prompt in train.prompts], dtype=np.int64
        )
        self._decoder = Decoder(list(place), vectors)

    def recover_part(self, part: RewriteExam) -> list[Recovery]:
        """Return a prompt of the training rows for each row."""
        return self._decode(self._similarities(self._parts(part, self.vectors)))

    def _parts(self, items: RewriteExam, vectors: TextVectors) -> list[Floats]:
        before = vectors.encode(items.originals)
        after = vectors.encode(items.rewrittens)
        change = after - before
        norms = np.linalg.norm(change, axis=1, keepdims=True)
        return [before, after, change / np.maximum(norms, 1e-6)]

    def _similarities(self, parts: list[Floats]) -> Floats:
        weights = (self.settings.original, self.settings.rewritten, self.settings.difference)
        pairs = zip(weights, parts, self._train, strict=True)
        total: Floats = sum(weight * (own @ other.T) for weight, own, other in pairs)
        total /= max(sum(weights), 1e-6)
        return total

    def _decode(self, similar: Floats) -> list[Recovery]:
        k = min(self.settings.k, similar.shape[1])
        nearest = np.argsort(-similar, axis=1, kind="stable")[:, :k]
        weights = softmax(np.take_along_axis(similar, nearest, axis=1), self.settings.temperature)
        probabilities = np.zeros((len(similar), self._decoder.n_prompts), dtype=np.float32)
        for row, (places, shares) in enumerate(zip(nearest, weights, strict=True)):
            np.add.at(probabilities[row], self._prompt_of[places], shares)
        return self._decoder.decode(probabilities, consensus=self.settings.consensus)
