"""Two estimates of the prompt's vector, for recoverers that choose among known prompts.

A ridge regression, fitted on rows with known prompts, predicts the vector from features of the
pair. The direct estimate takes what the rewrite added as it is, which also reaches prompts unlike
those that were trained on. How well a prompt fits is linear in its vector, so the sum of both
estimates is one query vector, with which a bank of any size can be searched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import ExamError
from llmexam.recovery.bank import read_bank
from llmexam.recovery.embeddings import EmbedderSettings
from llmexam.recovery.rewrites import RewriteExam
from llmexam.settings.kinds import SampleOrPath

Floats = NDArray[np.float32]
_N_SCALED = 256
_LEAST = 2
_SEED = 0


class EstimateSettings(EmbedderSettings):
    """Settings of recoverers that estimate the prompt's vector."""

    bank: SampleOrPath | None = Field(
        None,
        description="CSV file of further prompts to choose from, with a column rewrite_prompt; "
        "`bundled` is the sample's",
    )
    alpha: float = Field(6.0, gt=0, description="strength of the ridge penalty")
    words: float = Field(
        2.0,
        ge=0,
        description="weight of the TF-IDF kernels of the ridge regression, relative to the "
        "embedding kernel",
    )
    direct: float = Field(
        0.3,
        ge=0,
        le=1,
        description="weight, from 0 to 1, of the embedding difference (rewritten text plus its new "
        "words, minus the original) in the predicted embedding; the ridge regression has the rest",
    )
    temperature: float = Field(
        0.25,
        gt=0,
        description="softmax temperature that turns scores of prompts, in standard deviations over "
        "the training prompts, into probabilities",
    )
    n_rows: int = Field(
        10_000,
        ge=2,
        description="maximum number of training rows of the regression; more are subsampled",
    )


class PromptEstimates:
    """Both estimates, fitted on rows given as arrays.

    Args:
        similar: Inner products of the training rows, shape `[n_train, n_train]`.
        added: What their rewrites added, shape `[n_train, dim]`.
        targets: Unit vectors of their prompts, shape `[n_train, dim]`.
        alpha: Strength of the ridge penalty.
    """

    def __init__(self, similar: Floats, added: Floats, targets: Floats, *, alpha: float) -> None:
        from sklearn.kernel_ridge import KernelRidge  # type: ignore[import-untyped]
        from sklearn.preprocessing import KernelCenterer  # type: ignore[import-untyped]

        # Kernel ridge has no intercept: rows and targets are centred instead.
        self._centerer: Any = KernelCenterer().fit(similar)
        self._mean = targets.mean(axis=0)
        self._model: Any = KernelRidge(alpha=alpha, kernel="precomputed").fit(
            self._centerer.transform(similar), targets - self._mean
        )
        # Some prompts are near everything; the mean over training rows takes that out.
        self._centre: Floats = added.mean(axis=0)
        own = slice(0, _N_SCALED)
        self._scales = (1.0, 1.0)
        self._scales = (
            _deviation(self.regression(similar[own]) @ targets.T),
            _deviation(self.direct(added[own]) @ targets.T),
        )

    def regression(self, similar: Floats) -> Floats:
        """Return the predicted vector of each row's prompt, shape `[n_rows, dim]`.

        Args:
            similar: Inner products with the training rows, shape `[n_rows, n_train]`.
        """
        predicted: Floats = self._model.predict(self._centerer.transform(similar)) + self._mean
        # scikit-learn computes in double precision where its input is mixed.
        narrow: Floats = np.asarray(predicted, dtype=np.float32)
        return narrow

    def direct(self, added: Floats) -> Floats:
        """Return what the rewrite added beyond what rewrites add on average, same shape."""
        beyond: Floats = added - self._centre
        return beyond

    def parts(self, similar: Floats, added: Floats) -> tuple[Floats, Floats]:
        """Return both estimates as vectors whose inner product with a prompt says how well it fits.

        The inner products are in standard deviations over the training prompts.

        Args:
            similar: Inner products with the training rows, shape `[n_rows, n_train]`.
            added: What the rewrites added, shape `[n_rows, dim]`.
        """
        first, second = (np.float32(1 / scale) for scale in self._scales)
        return first * self.regression(similar), second * self.direct(added)

    def query(self, similar: Floats, added: Floats, share: float) -> Floats:
        """Return the weighted sum of `parts`, shape `[n_rows, dim]`.

        Args:
            similar: Inner products with the training rows, shape `[n_rows, n_train]`.
            added: What the rewrites added, shape `[n_rows, dim]`.
            share: Weight of the direct estimate, from 0 to 1.
        """
        regression, direct = self.parts(similar, added)
        query: Floats = np.float32(1 - share) * regression + np.float32(share) * direct
        return query


def training_rows(train: RewriteExam, settings: EstimateSettings) -> RewriteExam:
    """Return the rows to fit on.

    Raises:
        ExamError: There are too few rows, or a prompt is not known.
    """
    if len(train) < _LEAST:
        raise ExamError(f"expected at least {_LEAST} training rows, got {len(train)}")
    _ = train.prompts  # an unknown prompt shows before any work
    if len(train) <= settings.n_rows:
        return train
    drawn = np.random.default_rng(_SEED).choice(len(train), settings.n_rows, replace=False)
    return train.subset(np.sort(drawn).tolist())


def known_prompts(train: RewriteExam, settings: EstimateSettings) -> list[str]:
    """Return the distinct prompts to choose from: those of the training rows, then the bank's."""
    bank = read_bank(settings.bank) if settings.bank else []
    return list(dict.fromkeys([*train.prompts, *bank]))


def _deviation(values: Floats) -> float:
    return max(float(values.std()), 1e-6)
