"""Settings of training a multiple-choice reader."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.lm.models.loading import BUNDLED
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef
from llmexam.solvers.readers.encoding import EncodingSettings
from llmexam.training.hard_negatives import HardNegativeSettings
from llmexam.training.settings import TrainingSettings


class AdversarialSettings(Settings):
    """A second pass with the weights moved to where the loss is higher."""

    kind: Literal["awp", "fgm"] = Field(
        "awp",
        description="awp: all weight matrices move, relative to their size (arXiv 2004.05884); "
        "fgm: the token embeddings move (arXiv 1605.07725)",
    )
    epsilon: float = Field(
        1e-3, gt=0, description="length of the move: awp, a share of each matrix's; fgm, of all"
    )
    from_epoch: float = Field(1.0, ge=0, description="epochs without, at first")


class MultipleChoiceTrainingSettings(TrainingSettings):
    """Settings of training family `multiple-choice`."""

    model: ModelRef = Field(
        BUNDLED,
        min_length=1,
        description="weights to begin with: 'bundled', a local folder, or a Hugging Face name",
    )
    encoding: EncodingSettings = Field(
        EncodingSettings(), description="how a question becomes tokens"
    )
    head: Literal["mean", "native"] = Field(
        "mean", description="mean: one layer over the mean of the tokens; native: the model's own"
    )
    objective: Literal["softmax", "binary"] = Field(
        "softmax", description="softmax over the options, or right or wrong for each option"
    )
    option_order: Literal["kept", "shuffled", "rotated"] = Field(
        "shuffled",
        description="order of the options, drawn anew each epoch; the answer moves along",
    )
    drop_options: float = Field(
        0.0, ge=0, lt=1, description="probability that a wrong option is left out; two stay"
    )
    evidence_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability that a question is read without its evidence"
    )
    hard_negatives: HardNegativeSettings | None = Field(
        None,
        description="more wrong options: those of other training questions near to the right one",
    )
    drop_repeats: bool = Field(
        True, description="train once on questions with equal prompt, options and answer"
    )
    adversarial: AdversarialSettings | None = Field(
        None, description="a second pass against the weights"
    )

    @property
    def starts_at_chance(self) -> bool:
        """Whether the loss of a new head starts at ln(n) for n options."""
        changes_options = self.drop_options > 0 or self.hard_negatives is not None
        return self.objective == "softmax" and not changes_options
