"""Fine-tune a decoder to recover prompts, with Keras."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import ExamError
from llmexam.lm.keras_models.causal import longest_input
from llmexam.lm.models.loading import load_tokenizer
from llmexam.recovery.recoverers.fine_tuned import FAMILY
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.trained_rows import save_trained_rows
from llmexam.training.base.estimate import count_steps
from llmexam.training.keras_base.family import KerasTrainer, Prepared
from llmexam.training.keras_decoders.data import AnswerBatches
from llmexam.training.keras_decoders.estimate import estimate_rows, find_decoder
from llmexam.training.keras_decoders.settings import require_agreement
from llmexam.training.keras_recoverer.data import RewriteRows
from llmexam.training.keras_recoverer.grading import KerasDevRewrites
from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.training.protocol import Estimate
from llmexam.training.rewrites.examples import Examples, cut_notes
from llmexam.training.rewrites.grading import RANDOM_STEPS


class KerasRecovererTrainer(KerasTrainer[KerasRecovererTrainingSettings, RewriteExam]):
    """Fine-tunes a decoder of KerasHub on rewrites with known prompts, whole or by adapters.

    The result has the format of Hugging Face: it loads as `model` of recoverer `fine-tuned`, which
    generates with our torch engine, and in transformers.

    Raises:
        ExamError: The prompt of a row is not known.
        ModelError: The weights cannot be found or used, or KerasHub does not support the model.
        SettingsError: A setting does not fit the model, the machine or another setting.
    """

    settings_class = KerasRecovererTrainingSettings

    def require_usable(self, items: RewriteExam) -> None:
        """Check that there are rows, all with known prompts."""
        if not len(items):
            raise ExamError("there are no training rows", file=items.source or None)
        _ = items.prompts

    def check_machine(self) -> None:
        """Check combinations of settings, and that needed packages are installed."""
        super().check_machine()
        require_agreement(self.settings)

    def prepare(self, train: RewriteExam, dev: RewriteExam | None, n_steps: int | None) -> Prepared:
        """Return the compiled model, the batches, and the grading of dev rows."""
        # Imports Keras, so it comes after the choice of its backend.
        from llmexam.training.keras_decoders.trainee import load_trainee

        settings = self.settings
        trainee = load_trainee(settings)
        longest = trainee.decoder.longest
        examples = Examples(train, settings, trainee.tokenizer, longest)
        rows = RewriteRows(examples)
        data = AnswerBatches(rows, settings, trainee.pad_id, longest, RANDOM_STEPS)
        steps = n_steps or count_steps(len(data), settings)[0]
        trainee.compile(settings, steps)

        def save(folder: Path) -> None:
            trainee.save(folder)
            save_trained_rows(folder, train.rows)

        return Prepared(
            trainee.model,
            lambda first: data.batches(first, steps),
            data,
            trainee.source,
            card={"family": FAMILY, "encoding": settings.prompting.model_dump(mode="json")},
            save=save,
            dev=None if dev is None else KerasDevRewrites(dev, trainee, settings),
            notes=(
                f"{data.padding_share():.1%} of the computed tokens are padding",
                *cut_notes(examples, settings),
            ),
        )

    def estimate(self, train: RewriteExam) -> Estimate:
        """Return an estimate of the training's cost, from the data and the model's dimensions."""
        self.require_usable(train)
        settings = self.settings
        folder = find_decoder(settings)
        examples = Examples(train, settings, load_tokenizer(folder), longest_input(folder))
        rows = RewriteRows(examples)
        return estimate_rows(
            folder,
            rows,
            AnswerBatches(rows, settings, 0, None, RANDOM_STEPS),
            settings,
            n_truncated=int((examples.texts_cut > 0).sum()),
            share_cut=float(examples.texts_cut.sum()) / (2 * len(examples)),
            noun="row",
            learned="prompt",
        )
