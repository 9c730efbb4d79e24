"""Train a multiple-choice reader."""

from __future__ import annotations

from pathlib import Path

from llmexam.exam.exam import Exam
from llmexam.training.base.dev_set import DevSet, dev_loss
from llmexam.training.base.family import Prepared, QuestionTrainer
from llmexam.training.base.lora import merge_lora
from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.estimate import estimate
from llmexam.training.multiple_choice.grading import DevScorer
from llmexam.training.multiple_choice.loop import ChoiceTrainer
from llmexam.training.multiple_choice.model import load_trainee
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.option_sequences import reading_notes
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Estimate


class MultipleChoiceTrainer(QuestionTrainer[MultipleChoiceTrainingSettings]):
    """Trains an encoder to score each option, read with its evidence.

    The result loads as `model` of solver `multiple-choice`.

    Raises:
        ExamError: A question has no answer.
        ModelError: The weights cannot be found or used.
        SettingsError: A setting does not fit the model or the machine.
    """

    settings_class = MultipleChoiceTrainingSettings
    smooths_labels = True

    def prepare(self, train: Exam, dev: Exam | None, folder: Path, *, resume: bool) -> Prepared:
        """Return the reader, the tokens of the questions, and the scoring of dev questions."""
        settings = self.settings
        trainee = load_trainee(settings)
        data = ChoiceData(train, settings, trainee.tokenizer)
        graded = None
        if dev is not None:
            scorer = DevScorer(dev, trainee, settings)
            graded = DevSet(dev, scorer.score, dev_loss(settings.objective))
        return Prepared(
            ChoiceTrainer(trainee, data, settings, folder),
            trainee.source,
            card={
                "family": "multiple-choice",
                "head": settings.head,
                "encoding": settings.encoding.model_dump(mode="json"),
            },
            save=trainee.reader.save,
            dev=graded,
            grade_before=not trainee.new_head,
            merge=lambda: merge_lora(trainee.reader),
            tokenizer=trainee.tokenizer,
            notes=reading_notes(data.read, len(train)),
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        require_trainable(train)
        return estimate(self.to_train_on(train), self.settings)
