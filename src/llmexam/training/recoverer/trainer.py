"""Fine-tune a decoder to recover prompts."""

from __future__ import annotations

from pathlib import Path

from llmexam.lm.models.loading import require_packages
from llmexam.recovery.recoverers.fine_tuned import FAMILY
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.trained_rows import save_trained_rows
from llmexam.training.base.family import Prepared, RewriteTrainer
from llmexam.training.decoders.adapters import weight_notes
from llmexam.training.protocol import Estimate
from llmexam.training.recoverer.estimate import estimate, padding_of
from llmexam.training.recoverer.grading import DevRewrites
from llmexam.training.recoverer.loop import PromptTrainer
from llmexam.training.recoverer.model import check_settings, load_trainee, save_trained
from llmexam.training.recoverer.settings import RecovererTrainingSettings
from llmexam.training.rewrites.examples import Examples, cut_notes


class RecovererTrainer(RewriteTrainer[RecovererTrainingSettings]):
    """Fine-tunes a decoder on rewrites with known prompts, whole or by adapters.

    The result loads as `model` of recoverer `fine-tuned`.

    Raises:
        ExamError: The prompt of a row is not known.
        ModelError: The weights cannot be found or used.
        SettingsError: A setting does not fit the model, the machine or another setting.
    """

    settings_class = RecovererTrainingSettings

    def check_machine(self) -> None:
        """Check combinations of settings, and that needed packages are installed."""
        super().check_machine()
        check_settings(self.settings)
        if self.settings.quantise is not None:
            require_packages(f"quantise '{self.settings.quantise}'", "bitsandbytes")

    def prepare(
        self, train: RewriteExam, dev: RewriteExam | None, folder: Path, *, resume: bool
    ) -> Prepared:
        """Return the decoder, the examples, and the grading of dev rows."""
        settings = self.settings
        trainee = load_trainee(settings)
        examples = Examples(train, settings, trainee.tokenizer, trainee.longest)
        trainer = PromptTrainer(trainee, examples, settings, folder)

        def save(place: Path) -> None:
            save_trained(trainee, place)
            save_trained_rows(place, train.rows)

        graded = None
        if dev is not None:
            graded = DevRewrites(dev, trainee, settings, trainer.compute_loss_context_manager)
        return Prepared(
            trainer,
            trainee.source,
            card={
                "family": FAMILY,
                "encoding": settings.prompting.model_dump(mode="json"),
            },
            save=save,
            dev=graded,
            tokenizer=trainee.tokenizer,
            notes=(
                *_notes(examples, settings),
                *weight_notes(trainee.source, settings.quantise),
            ),
        )

    def estimate(self, train: RewriteExam) -> Estimate:
        """Return an estimate of the training's cost, from the data and the model's dimensions."""
        self.require_usable(train)
        return estimate(train, self.settings)


def _notes(examples: Examples, settings: RecovererTrainingSettings) -> tuple[str, ...]:
    padding = padding_of(examples, settings)
    return (f"{padding:.1%} of the computed tokens are padding", *cut_notes(examples, settings))
