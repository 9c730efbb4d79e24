"""Solver `cross-encoder`: a trained model reads prompt, evidence and one option together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmexam.solvers.cross_encoder.encoding import CrossEncoderEncoding
from llmexam.solvers.readers.solver import OptionReader, OptionReaderSettings


class CrossEncoderSettings(OptionReaderSettings):
    """Settings of solver `cross-encoder`."""


class CrossEncoderSolver(OptionReader):
    """How a trained cross-encoder scores each option, read with prompt and evidence."""

    settings_class = CrossEncoderSettings
    settings: CrossEncoderSettings
    family = "cross-encoder"
    task = "classification"
    encoding_class = CrossEncoderEncoding

    def _notes(self, logits: NDArray[np.float64]) -> list[str]:
        ordered = np.sort(logits)[::-1]
        # The best option's rival is the second, which is its own score where two share it.
        rivals = [ordered[1] if logit == ordered[0] else ordered[0] for logit in logits]
        return [
            f"logit {logit:.2f}, best other option {rival:.2f}"
            for logit, rival in zip(logits, rivals, strict=True)
        ]
