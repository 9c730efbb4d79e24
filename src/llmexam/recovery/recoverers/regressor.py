"""Embedding regressor with consensus decoding, over a bank of prompts.

A ridge regression and a direct estimate say how likely each known prompt is (`estimates.py`).
Consensus decoding then chooses the text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.recovery.consensus import Decoder, softmax
from llmexam.recovery.estimates import (
    EstimateSettings,
    PromptEstimates,
    known_prompts,
    training_rows,
)
from llmexam.recovery.features import added_vectors
from llmexam.recovery.pair_kernel import PairKernel
from llmexam.recovery.recoverer import Progress, Recovery, no_progress
from llmexam.recovery.recoverers.embedding import EmbeddingRecoverer
from llmexam.recovery.rewrites import RewriteExam

Floats = NDArray[np.float32]


class RegressorSettings(EstimateSettings):
    """Settings of `regressor`."""

    consensus: bool = Field(
        True, description="choose the best expected score, not the most likely prompt"
    )


class Regressor(EmbeddingRecoverer):
    """Answers with the training or bank prompt that best matches a predicted embedding."""

    settings_class = RegressorSettings

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Fit the regression on rows with known prompts.

        Raises:
            ExamError: There are too few rows, or a prompt is not known.
        """
        vectors = self.vectors
        rows = training_rows(train, self.settings)
        self._decoder = Decoder(known_prompts(train, self.settings), vectors)
        self._kernel = PairKernel(rows, vectors, words=self.settings.words)
        self._estimates = PromptEstimates(
            self._kernel.train.whole,
            added_vectors(rows, vectors),
            vectors.encode(rows.prompts),
            alpha=self.settings.alpha,
        )

    def recover_part(self, part: RewriteExam) -> list[Recovery]:
        """Return a known prompt or one of the bank for each row."""
        query = self._estimates.query(
            self._kernel.between(part).whole,
            added_vectors(part, self.vectors),
            self.settings.direct,
        )
        # A row's own values alone, so that it does not depend on the other rows.
        likely = softmax(query @ self._decoder.prompt_vectors.T, self.settings.temperature)
        return self._decoder.decode(likely, consensus=self.settings.consensus)
