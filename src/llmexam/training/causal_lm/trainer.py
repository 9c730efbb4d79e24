"""Fine-tune a decoder."""

from __future__ import annotations

from pathlib import Path

from llmexam.exam.exam import Exam
from llmexam.lm.models.loading import require_packages
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.family import Prepared, QuestionTrainer
from llmexam.training.causal_lm.deepspeed import deepspeed_config
from llmexam.training.causal_lm.estimate import estimate
from llmexam.training.causal_lm.grading import DevScorer, dev_loss
from llmexam.training.causal_lm.loop import DecoderTrainer
from llmexam.training.causal_lm.model import (
    check_settings,
    load_trainee,
    save_trained,
)
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.decoders.adapters import weight_notes
from llmexam.training.preflight import require_trainable
from llmexam.training.prompts.examples import ExampleMaker, Examples
from llmexam.training.prompts.template import training_template
from llmexam.training.protocol import Estimate


class CausalLmTrainer(QuestionTrainer[CausalLmTrainingSettings]):
    """Fine-tunes a decoder, whole or by adapters.

    The result loads as `model` of solver `causal-lm`.

    Raises:
        ExamError: A question has no answer.
        ModelError: The weights cannot be found or used.
        SettingsError: A setting does not fit the model, the machine or another setting.
    """

    settings_class = CausalLmTrainingSettings
    smooths_labels = True

    def check_machine(self) -> None:
        """Check combinations of settings, and that needed packages are installed."""
        super().check_machine()
        check_settings(self.settings)
        if self.settings.quantise is not None:
            require_packages(f"quantise '{self.settings.quantise}'", "bitsandbytes")
        deepspeed_config(self.settings)

    def prepare(self, train: Exam, dev: Exam | None, folder: Path, *, resume: bool) -> Prepared:
        """Return the decoder, the examples, and the scoring of dev questions.

        Raises:
            RunError: The prompt template of a resumed training has changed.
        """
        settings = self.settings
        asked = training_template(settings.encoding.template, folder, resume=resume)
        trainee = load_trainee(settings)
        maker = ExampleMaker(settings, trainee.tokenizer, trainee.longest, asked.template)
        examples = Examples(train, settings, maker)
        trainer = DecoderTrainer(trainee, examples, settings, folder)
        graded = None
        if dev is not None:
            scorer = DevScorer(dev, trainee, settings, asked.template)
            graded = DevSet(dev, scorer.score, dev_loss(settings))
        asked.save(folder)
        encoding = settings.encoding.model_copy(update={"template": asked.saved_name})

        def save(place: Path) -> None:
            save_trained(trainee, place)
            asked.save(place)

        return Prepared(
            trainer,
            trainee.source,
            card={"family": "causal-lm", "encoding": encoding.model_dump(mode="json")},
            save=save,
            dev=graded,
            tokenizer=trainee.tokenizer,
            notes=(
                *_notes(examples),
                *weight_notes(trainee.source, settings.quantise),
            ),
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and the model's dimensions."""
        require_trainable(train)
        return estimate(self.to_train_on(train), self.settings)


def _notes(examples: Examples) -> tuple[str, ...]:
    notes = []
    if n_cut := int((examples.n_cut > 0).sum()):
        notes.append(f"the evidence of {n_cut} of {len(examples)} training questions was truncated")
    return tuple(notes)
