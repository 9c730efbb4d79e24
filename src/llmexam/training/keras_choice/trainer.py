"""Train a multiple-choice reader with Keras."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.lm.keras_models.backend import import_keras
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.estimate import count_steps
from llmexam.training.keras_base.family import KerasTrainer, Prepared
from llmexam.training.keras_choice.diagram import draw_model
from llmexam.training.keras_choice.settings import KerasChoiceTrainingSettings
from llmexam.training.one_right import with_one_right
from llmexam.training.option_sequences import reading_notes
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Estimate

if TYPE_CHECKING:
    from llmexam.training.keras_choice.trainee import ChoiceTrainee


class KerasChoiceTrainer(KerasTrainer[KerasChoiceTrainingSettings, Exam]):
    """Trains an encoder or a decoder of KerasHub to score each option, read with its evidence.

    The result has the format of Hugging Face: it loads as `model` of the solver `keras-choice`,
    that of an encoder also of `multiple-choice`, and in transformers.

    Raises:
        ExamError: A question has no answer.
        ModelError: The weights cannot be found or used.
        SettingsError: A setting does not fit the model or the machine.
    """

    settings_class = KerasChoiceTrainingSettings

    def check_machine(self) -> None:
        """Check packages, backend, device, precision, and that the settings fit each other.

        Raises:
            MissingDependencyError: Keras, KerasHub or the backend is not installed.
            SettingsError: Something is not available, or two settings contradict each other.
        """
        super().check_machine()
        if self.settings.lora_rank is not None and self.settings.freeze_layers:
            raise SettingsError(
                "cannot be combined with `lora_rank`, which freezes all layers already",
                field="freeze_layers",
            )

    def require_usable(self, items: Exam) -> None:
        """Check that there are questions, all with answers."""
        require_trainable(items)

    def to_train_on(self, items: Exam) -> Exam:
        """Return the questions with one right option each."""
        return with_one_right(items)

    def prepare(self, train: Exam, dev: Exam | None, n_steps: int | None) -> Prepared:
        """Return the compiled model, the batches, and the scoring of dev questions."""
        from llmexam.lm.keras_models.choice_model import choice_loss, choice_model
        from llmexam.training.keras_base.optimiser import create_optimiser
        from llmexam.training.keras_choice.data import ChoiceBatches
        from llmexam.training.keras_choice.grading import DevScorer
        from llmexam.training.keras_choice.metrics import MapAtK
        from llmexam.training.keras_choice.trainee import load_trainee

        settings = self.settings
        trainee = load_trainee(settings)
        reader, tokenizer = trainee.reader, trainee.tokenizer
        data = ChoiceBatches(train, settings, tokenizer, reader)
        steps = n_steps or count_steps(len(data), settings)[0]
        model = choice_model(reader)
        model.compile(
            optimizer=create_optimiser(model, settings, steps, reader.head.trainable_variables),
            loss=choice_loss(settings.label_smoothing),
            weighted_metrics=[MapAtK(3)],
            jit_compile=import_keras(settings.backend).backend.backend() == "jax",
        )
        graded = None
        if dev is not None:
            graded = DevSet(dev, DevScorer(dev, model, reader, settings, tokenizer).score)
        return Prepared(
            model,
            lambda first: data.batches(first, steps),
            data,
            trainee.source,
            card={
                "family": trainee.family,
                "head": settings.head,
                "encoding": settings.encoding.model_dump(mode="json"),
            },
            save=lambda folder: _save(trainee, model, folder),
            dev=graded,
            grade_before=not reader.new_head,
            merge=trainee.merge,
            tokenizer=tokenizer,
            notes=reading_notes(data.read, len(train)),
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        import_keras(self.settings.backend)
        from llmexam.training.keras_choice.estimate import estimate

        self.require_usable(train)
        return estimate(self, self.to_train_on(train))


def _save(trainee: ChoiceTrainee, model: Any, folder: Path) -> None:
    trainee.save(folder)
    draw_model(model, trainee.reader, folder / "model.png")
