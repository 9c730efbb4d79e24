"""Interface of trainers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard
from llmexam.settings.base import Settings
from llmexam.tracking.tracker import Tracker


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Values logged at one step.

    Attributes:
        step: Updates of the weights so far.
        values: By name: `loss` (mean since the last point), `learning_rate`, `grad_norm`,
            `dev_loss`, `dev_map_at_3`, `seconds`, ...
    """

    step: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained model on disk.

    Attributes:
        folder: Weights (safetensors), tokenizer, configuration and card.
        card: What it is.
        curve: What was measured on the way, by rising step.
        best_step: The step whose weights these are.
        dev_scores: Scores of the dev questions by these weights; None where there were none.
        notes: What a person should know, such as how much was cut.
    """

    folder: Path
    card: ModelCard
    curve: tuple[CurvePoint, ...] = ()
    best_step: int = 0
    dev_scores: ScoreMatrix | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated cost of a training.

    Attributes:
        n_questions: Questions of one epoch, or other items.
        n_tokens: Tokens of one epoch, without padding.
        n_steps: Updates of the weights.
        n_truncated: Questions whose evidence is cut, or rewrites with a text that is.
        share_cut: Share of the evidence's tokens that is cut, or of the texts of rewrites.
        seconds: Predicted time of all steps, gradings apart; None where it is not known.
        peak_mb: Predicted peak memory, in MB (10^6 bytes).
        details: Further lines to print: label and value.
    """

    n_questions: int
    n_tokens: int
    n_steps: int
    n_truncated: int
    share_cut: float
    seconds: float | None
    peak_mb: float
    details: dict[str, str] = field(default_factory=dict)


class TrainingItems(Protocol):
    """Items to train on, such as the questions of an exam.

    Attributes:
        source: The file they come from.
        content_hash: Hash of what the items say.
    """

    @property
    def source(self) -> str: ...  # noqa: D102 - described above

    @property
    def content_hash(self) -> str: ...  # noqa: D102 - described above

    def __len__(self) -> int: ...


ItemsT = TypeVar("ItemsT", contravariant=True)


class Trainer(Protocol[ItemsT]):
    """Interface of trainers, created from settings of `settings_class`.

    `card` says what is known before: base model, evidence, data, command. `fit` completes it.
    """

    settings: Settings

    def fit(
        self,
        train: ItemsT,
        dev: ItemsT | None,
        folder: Path,
        *,
        card: dict[str, Any],
        tracker: Tracker,
        resume: bool = True,
    ) -> TrainedModel:
        """Train, and write the best weights to `folder`.

        Args:
            train: The items, with what is to be learned: answers and evidence, or prompts.
            dev: Items that choose the best step and stop early, or None.
            folder: Where the model goes; `folder/checkpoints` holds what a resume needs.
            card: Fields of `ModelCard` that the caller knows.
            tracker: Experiment tracker that receives every point of the curve.
            resume: Resume from the newest complete checkpoint, if there is one.
        """
        ...

    def check_machine(self) -> None:
        """Check packages, device and precision without loading a model.

        Raises:
            MissingDependencyError: A package that a setting needs is not installed.
            SettingsError: The device is not there, or a setting does not fit it or another one.
        """
        ...

    def estimate(self, train: ItemsT) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        ...


class TrainerClass(Protocol):
    """Interface of trainer classes, which are created from settings of `settings_class`."""

    settings_class: type[Settings]

    def __call__(self, settings: Any) -> Trainer[Any]:
        """Create a trainer."""
        ...
