"""Embedding regressor with consensus decoding, over a bank of prompts.

Two estimates say how likely each known prompt is. A ridge regression, fitted on rows with known
prompts, predicts the prompt's embedding from features of the pair. The direct estimate compares
what the rewrite added with the prompts themselves, which also reaches prompts unlike those that
were trained on. Consensus decoding then chooses the text.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import ExamError
from llmexam.recovery.bank import read_bank
from llmexam.recovery.consensus import Decoder, softmax
from llmexam.recovery.embeddings import EmbedderSettings, TextVectors
from llmexam.recovery.features import added_vectors, pair_features
from llmexam.recovery.recoverer import Progress, Recovery, no_progress
from llmexam.recovery.recoverers.embedding import EmbeddingRecoverer
from llmexam.recovery.rewrites import RewriteExam
from llmexam.settings.kinds import SampleOrPath

Floats = NDArray[np.float32]
_N_SCALED = 256
_LEAST = 2


class RegressorSettings(EmbedderSettings):
    """Settings of `regressor`."""

    bank: SampleOrPath | None = Field(
        None,
        description="CSV file of further prompts to choose from, with a column rewrite_prompt; "
        "`bundled` is the sample's",
    )
    alpha: float = Field(3.0, gt=0, description="strength of the ridge penalty")
    direct: float = Field(
        0.35,
        ge=0,
        le=1,
        description="weight of the direct estimate; 0 uses the regression alone, 1 none of it",
    )
    temperature: float = Field(
        0.2, gt=0, description="how fast probability falls with the estimate, in its deviations"
    )
    consensus: bool = Field(
        True, description="choose the best expected score, not the most likely prompt"
    )


class Regressor(EmbeddingRecoverer):
    """Predicts the embedding of the prompt, and answers with the text that fits it best."""

    settings_class = RegressorSettings

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Fit the regression on rows with known prompts.

        Raises:
            ExamError: There are too few rows, or a prompt is not known.
        """
        from sklearn.linear_model import Ridge  # type: ignore[import-untyped]

        if len(train) < _LEAST:
            raise ExamError(f"expected at least {_LEAST} training rows, got {len(train)}")
        vectors = self.vectors
        prompts = train.prompts
        bank = read_bank(self.settings.bank) if self.settings.bank else []
        self._decoder = Decoder(list(dict.fromkeys([*prompts, *bank])), vectors)
        self._model: Any = Ridge(alpha=self.settings.alpha).fit(
            pair_features(train, vectors), vectors.encode(prompts)
        )
        # Some prompts are near everything; the mean over training rows takes that out.
        self._centre = added_vectors(train, vectors).mean(axis=0)
        self._scales = (1.0, 1.0)
        both = self._estimates(train.subset(range(min(len(train), _N_SCALED))), vectors)
        first, second = (max(float(one.std()), 1e-6) for one in both)
        self._scales = (first, second)

    def recover_part(self, part: RewriteExam) -> list[Recovery]:
        """Return a known prompt or one of the bank for each row."""
        share = self.settings.direct
        regression, direct = self._estimates(part, self.vectors)
        # A row's own values alone, so that it does not depend on the other rows.
        likely = softmax((1 - share) * regression + share * direct, self.settings.temperature)
        return self._decoder.decode(likely, consensus=self.settings.consensus)

    def _estimates(self, items: RewriteExam, vectors: TextVectors) -> tuple[Floats, Floats]:
        """Return both estimates of each prompt for each row, `[n_rows, n_prompts]`."""
        prompts = self._decoder.prompt_vectors
        predicted = self._model.predict(pair_features(items, vectors)).astype(np.float32)
        added = added_vectors(items, vectors) - self._centre
        return (
            (predicted @ prompts.T) / np.float32(self._scales[0]),
            (added @ prompts.T) / np.float32(self._scales[1]),
        )
