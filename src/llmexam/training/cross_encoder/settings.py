"""Settings of the training of cross-encoders."""

from __future__ import annotations

from pydantic import Field

from llmexam.solvers.cross_encoder.encoding import CrossEncoderEncoding
from llmexam.training.pairs.settings import PairTrainingSettings


class CrossEncoderTrainingSettings(PairTrainingSettings):
    """Settings of training family `cross-encoder`."""

    encoding: CrossEncoderEncoding = Field(
        CrossEncoderEncoding(), description="how a question is turned into tokens"
    )

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return self.encoding.reads_passages
