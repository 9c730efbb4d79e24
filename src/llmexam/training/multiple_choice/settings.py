"""Settings of training a multiple-choice reader."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from llmexam.lm.models.loading import BUNDLED
from llmexam.settings.base import Settings
from llmexam.settings.kinds import LocalPath, ModelRef
from llmexam.solvers.readers.encoding import EncodingSettings
from llmexam.training.hard_negatives import HardNegativeSettings
from llmexam.training.settings import TrainingSettings


class AdversarialSettings(Settings):
    """Settings of adversarial training: a second pass with perturbed weights."""

    kind: Literal["awp", "fgm"] = Field(
        "awp",
        description="adversarial training. awp: perturb all weight matrices, relative to their "
        "norms (arXiv 2004.05884); fgm: perturb the token embeddings (arXiv "
        "1605.07725)",
    )
    epsilon: float = Field(
        1e-3,
        gt=0,
        description="norm of the perturbation: for awp relative to each matrix, for fgm in all",
    )
    from_epoch: float = Field(1.0, ge=0, description="epochs before adversarial training starts")


class DistillationSettings(Settings):
    """Settings of knowledge distillation: soft labels of a teacher (arXiv 1503.02531)."""

    scores: LocalPath = Field(
        description="score file of the teacher on the training questions (.parquet), from `llmexam "
        "solve` or out-of-fold scores of a training"
    )
    weight: float = Field(
        0.5, gt=0, le=1, description="weight of the soft labels; the answers have the rest"
    )
    temperature: float = Field(
        1.0, gt=0, description="the teacher's scores are divided by it before the softmax"
    )


class CurriculumSettings(Settings):
    """Settings of a curriculum: easy questions first (arXiv 1904.03626)."""

    by: str = Field(
        "difficulty",
        min_length=1,
        description="metadata field with the difficulty of a question as a number, or `n_tokens`",
    )
    epochs: int = Field(
        1, ge=1, description="number of epochs in order of difficulty; later ones are shuffled"
    )


class MultipleChoiceTrainingSettings(TrainingSettings):
    """Settings of training family `multiple-choice`."""

    model: ModelRef = Field(
        BUNDLED,
        min_length=1,
        description="model to start from: 'bundled', a local folder, or a Hugging Face model name",
    )
    encoding: EncodingSettings = Field(
        EncodingSettings(), description="how a question is turned into tokens"
    )
    head: Literal["mean", "native"] = Field(
        "mean",
        description="classification head. mean: one linear layer over the mean of the token "
        "embeddings; native: the head of the model class",
    )
    objective: Literal["softmax", "binary"] = Field(
        "softmax",
        description="loss: softmax over the options, or binary classification of each option",
    )
    option_order: Literal["kept", "shuffled", "rotated"] = Field(
        "shuffled",
        description="order of the options, with the answer's letter adjusted. kept: as in the "
        "exam; shuffled: a new random order in each epoch; rotated: a new random rotation in each "
        "epoch",
    )
    shuffle_probability: float = Field(
        1.0,
        ge=0,
        le=1,
        description="probability that the options of a question are shuffled or rotated in an "
        "epoch",
    )
    drop_options: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="probability of dropping a wrong option; two options always remain",
    )
    evidence_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability of dropping the evidence of a question"
    )
    hard_negatives: HardNegativeSettings | None = Field(
        None,
        description="additional wrong options: those of the most similar training questions",
    )
    drop_repeats: bool = Field(
        True, description="train only once on questions with equal text, options and answer"
    )
    adversarial: AdversarialSettings | None = Field(
        None, description="adversarial training with a second forward and backward pass"
    )
    distillation: DistillationSettings | None = Field(
        None, description="knowledge distillation: scores of a larger model as soft labels"
    )
    curriculum: CurriculumSettings | None = Field(
        None, description="curriculum: easy questions first"
    )

    @model_validator(mode="after")
    def _check_distillation(self) -> Self:
        if self.distillation is None:
            return self
        if self.objective == "binary":
            raise ValueError("`distillation` needs `objective: softmax`")
        if self.hard_negatives is not None:
            raise ValueError(
                "`distillation` and `hard_negatives` are both set, but the teacher has no scores "
                "of added options. Remove one of them"
            )
        return self

    @property
    def starts_at_chance(self) -> bool:
        """Whether the loss with a new head starts at ln(n) for n options."""
        changes_options = self.drop_options > 0 or self.hard_negatives is not None
        is_plain = self.objective == "softmax" and self.distillation is None
        return is_plain and not changes_options

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return self.encoding.reads_passages
