"""Fine-tune a decoder to answer with letters, with Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.lm.keras_models.causal import longest_input
from llmexam.lm.models.loading import load_tokenizer
from llmexam.solvers.prompts.template import PromptTemplate, read_template
from llmexam.tracking.tracker import Tracker
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.estimate import count_steps
from llmexam.training.keras_base.family import KerasTrainer, Prepared
from llmexam.training.keras_decoders.data import AnswerBatches
from llmexam.training.keras_decoders.estimate import estimate_rows, find_decoder
from llmexam.training.keras_decoders.settings import require_agreement
from llmexam.training.keras_letters.data import LetterRows
from llmexam.training.keras_letters.grading import DevScorer
from llmexam.training.keras_letters.settings import KerasLettersTrainingSettings
from llmexam.training.one_right import with_one_right
from llmexam.training.preflight import require_trainable
from llmexam.training.prompts.examples import ExampleMaker, Examples
from llmexam.training.prompts.template import TrainingTemplate, training_template
from llmexam.training.protocol import Estimate, TrainedModel
from llmexam.training.trained_model import read_trained_model

# Modes of templates whose answer is one text.
_MODES = ("letters", "options")


class KerasLettersTrainer(KerasTrainer[KerasLettersTrainingSettings, Exam]):
    """Fine-tunes a decoder of KerasHub on the right answers, whole or by adapters.

    The result has the format of Hugging Face: it loads as `model` of solver `causal-lm`, which
    scores with our torch engine, and in transformers.

    Raises:
        ExamError: A question has no answer.
        ModelError: The weights cannot be found or used, or KerasHub does not support the model.
        SettingsError: A setting does not fit the model, the machine or another setting.
    """

    settings_class = KerasLettersTrainingSettings
    _template: TrainingTemplate | None = None

    def require_usable(self, items: Exam) -> None:
        """Check that there are questions, all with answers."""
        require_trainable(items)

    def to_train_on(self, items: Exam) -> Exam:
        """Return the questions with one right option each."""
        return with_one_right(items)

    def check_machine(self) -> None:
        """Check combinations of settings, and that needed packages are installed."""
        super().check_machine()
        require_agreement(self.settings)
        name = self.settings.encoding.template
        _require_mode(read_template(name), name)

    def fit(
        self,
        train: Exam,
        dev: Exam | None,
        folder: Path,
        *,
        card: dict[str, Any],
        tracker: Tracker,
        resume: bool = True,
    ) -> TrainedModel:
        """Train, and write the best weights to `folder`; see `Trainer.fit`.

        Raises:
            RunError: The prompt template of a resumed training has changed.
        """
        if not resume or read_trained_model(folder) is None:
            name = self.settings.encoding.template
            self._template = training_template(name, folder, resume=resume)
            folder.mkdir(parents=True, exist_ok=True)
            self._template.save(folder)
        return super().fit(train, dev, folder, card=card, tracker=tracker, resume=resume)

    def prepare(self, train: Exam, dev: Exam | None, n_steps: int | None) -> Prepared:
        """Return the compiled model, the batches, and the scoring of dev questions."""
        # Imports Keras, so it comes after the choice of its backend.
        from llmexam.training.keras_decoders.trainee import load_trainee

        settings = self.settings
        name = settings.encoding.template
        asked = self._template or training_template(name, Path(), resume=False)
        _require_mode(asked.template, name)
        trainee = load_trainee(settings)
        longest = trainee.decoder.longest
        maker = ExampleMaker(settings, trainee.tokenizer, longest, asked.template)
        examples = Examples(train, settings, maker)
        data = AnswerBatches(LetterRows(examples), settings, trainee.pad_id, longest)
        steps = n_steps or count_steps(len(data), settings)[0]
        trainee.compile(settings, steps)
        graded = None
        if dev is not None:
            graded = DevSet(dev, DevScorer(dev, trainee, data, settings, asked.template).score)
        encoding = settings.encoding.model_copy(update={"template": asked.saved_name})

        def save(folder: Path) -> None:
            trainee.save(folder)
            asked.save(folder)

        return Prepared(
            trainee.model,
            lambda first: data.batches(first, steps),
            data,
            trainee.source,
            # The solver that reads it; the training says that it was Keras.
            card={"family": "causal-lm", "encoding": encoding.model_dump(mode="json")},
            save=save,
            dev=graded,
            tokenizer=trainee.tokenizer,
            notes=(
                f"{data.padding_share():.1%} of the computed tokens are padding",
                *_cut_notes(examples),
            ),
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and the model's dimensions."""
        self.require_usable(train)
        settings = self.settings
        name = settings.encoding.template
        _require_mode(read_template(name), name)
        folder = find_decoder(settings)
        longest = longest_input(folder)
        maker = ExampleMaker(settings, load_tokenizer(folder), longest)
        examples = Examples(self.to_train_on(train), settings, maker)
        rows = LetterRows(examples)
        n_cut = int(examples.n_cut.sum())
        return estimate_rows(
            folder,
            rows,
            AnswerBatches(rows, settings, 0, longest),
            settings,
            n_truncated=int((examples.n_cut > 0).sum()),
            share_cut=n_cut / (n_cut + int(examples.n_tokens.sum())),
            noun="question",
            learned="answer",
        )


def _require_mode(template: PromptTemplate, name: str) -> None:
    if template.mode not in _MODES:
        raise SettingsError(
            f"family 'keras-letters' does not support template '{name}' of mode '{template.mode}'",
            field="encoding.template",
            hint=f"Use a template of mode {' or '.join(_MODES)}, or family `causal-lm`",
        )


def _cut_notes(examples: Examples) -> tuple[str, ...]:
    n_cut = int((examples.n_cut > 0).sum())
    if not n_cut:
        return ()
    return (f"the evidence of {n_cut} of {len(examples)} training questions was truncated",)
