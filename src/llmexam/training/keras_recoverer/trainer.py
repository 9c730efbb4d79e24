"""Fine-tune a decoder to recover prompts, with Keras."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import ExamError, SettingsError
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.causal import KerasDecoder, load_keras_decoder
from llmexam.lm.keras_models.causal_export import export_decoder
from llmexam.lm.keras_models.causal_lora import ADAPTER_FILE, add_lora, lora_layers, save_lora
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.recovery.recoverers.fine_tuned import FAMILY
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.trained_rows import save_trained_rows
from llmexam.training.base.estimate import count_steps
from llmexam.training.keras_base.family import KerasTrainer, Prepared
from llmexam.training.keras_recoverer.data import AnswerBatches, padding_share
from llmexam.training.keras_recoverer.estimate import estimate
from llmexam.training.keras_recoverer.grading import KerasDevRewrites
from llmexam.training.keras_recoverer.model import answer_model, given_loss
from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.training.protocol import Estimate
from llmexam.training.rewrites.examples import Examples, cut_notes


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
        settings = self.settings
        for name in ("label_smoothing", "head_learning_rate"):
            if getattr(settings, name):
                raise SettingsError("is not supported by this family", field=name)
        for name in ("freeze_layers", "freeze_embeddings"):
            if settings.lora_rank is not None and getattr(settings, name):
                raise SettingsError(
                    "cannot be combined with `lora_rank`, which freezes all weights already",
                    field=name,
                )
        for name in ("lora_alpha", "lora_layers"):
            if settings.lora_rank is None and getattr(settings, name):
                raise SettingsError("needs adapters", field=name, hint="Set `lora_rank`")

    def prepare(self, train: RewriteExam, dev: RewriteExam | None, n_steps: int | None) -> Prepared:
        """Return the compiled model, the batches, and the grading of dev rows."""
        # These import Keras, so they come after the choice of its backend.
        from llmexam.training.keras_base.optimiser import create_optimiser, freeze
        from llmexam.training.keras_base.placement import dtype_policy

        settings = self.settings
        source = resolve_model(settings.model)
        policy = dtype_policy(settings)
        if settings.lora_rank is not None:
            # Frozen weights have the type of the arithmetic, trained ones 32 bits.
            policy = policy.removeprefix("mixed_")
        decoder = load_keras_decoder(
            source,
            backend=settings.backend,
            dtype=policy,  # type: ignore[arg-type]
            dropout=settings.dropout,
        )
        if settings.lora_rank is None:
            freeze(decoder.backbone, settings)
        else:
            add_lora(
                decoder,
                settings.lora_rank,
                alpha=settings.lora_alpha,
                layers=settings.lora_layers,
                seed=settings.seed,
            )
        tokenizer = load_tokenizer(source)
        pads = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
        pad_id = int(next(token for token in pads if token is not None))
        examples = Examples(train, settings, tokenizer, decoder.longest)
        data = AnswerBatches(examples, settings, pad_id, decoder.longest)
        steps = n_steps or count_steps(len(data), settings)[0]
        model = answer_model(decoder)
        model.compile(
            optimizer=create_optimiser(model, settings, steps),
            loss=given_loss,
            jit_compile=import_keras(settings.backend).backend.backend() == "jax",
        )
        graded = None
        if dev is not None:
            graded = KerasDevRewrites(dev, model, decoder, settings, tokenizer, pad_id)
        padding = padding_share(examples, settings)
        return Prepared(
            model,
            lambda first: data.batches(first, steps),
            data,
            source,
            card={"family": FAMILY, "encoding": settings.prompting.model_dump(mode="json")},
            save=lambda folder: _save(decoder, train, folder),
            dev=graded,
            notes=(
                f"{padding:.1%} of the computed tokens are padding",
                *cut_notes(examples, settings),
            ),
        )

    def estimate(self, train: RewriteExam) -> Estimate:
        """Return an estimate of the training's cost, from the data and the model's dimensions."""
        self.require_usable(train)
        return estimate(train, self.settings)


def _save(decoder: KerasDecoder, train: RewriteExam, folder: Path) -> None:
    """Write the model with adapters merged, the adapters themselves, and the trained rows."""
    export_decoder(decoder, folder)
    if lora_layers(decoder):
        save_lora(decoder, folder / ADAPTER_FILE)
    save_trained_rows(folder, train.rows)
