"""Solver `cross-encoder`: a trained model scores each option jointly with prompt and evidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmexam.solvers.cross_encoder.encoding import CrossEncoderEncoding
from llmexam.solvers.readers.solver import ForeignReaderSettings, OptionReader


class CrossEncoderSettings(ForeignReaderSettings):
    """Settings of solver `cross-encoder`."""


class CrossEncoderSolver(OptionReader):
    """Scores each option, jointly with prompt and evidence, by a trained cross-encoder."""

    settings_class = CrossEncoderSettings
    settings: CrossEncoderSettings
    family = "cross-encoder"
    task = "classification"
    encoding_class = CrossEncoderEncoding

    def _notes(self, logits: NDArray[np.float64]) -> list[str]:
        ordered = np.sort(logits)[::-1]
        # The best option is compared with the second best, whose score is equal in a tie.
        rivals = [ordered[1] if logit == ordered[0] else ordered[0] for logit in logits]
        return [
            f"logit {logit:.2f}, best other option {rival:.2f}"
            for logit, rival in zip(logits, rivals, strict=True)
        ]
