"""Train a multiple-choice reader with Keras."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmexam.errors import ModelError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.lm.keras_models.backend import import_keras
from llmexam.lm.keras_models.reader import (
    KerasReader,
    load_keras_reader,
    save_keras_reader,
)
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.estimate import count_steps
from llmexam.training.keras_base.family import KerasTrainer, Prepared
from llmexam.training.keras_choice.diagram import draw_model
from llmexam.training.keras_choice.settings import KerasChoiceTrainingSettings
from llmexam.training.option_sequences import reading_notes
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Estimate

if TYPE_CHECKING:
    pass

_TYPE_PROBLEM = "expected encoding.max_tokens of at most {limit}, the model's limit, got {asked}"


class KerasChoiceTrainer(KerasTrainer[KerasChoiceTrainingSettings, Exam]):
    """Trains an encoder of KerasHub to score each option, read with its evidence.

    The result has the format of Hugging Face: it loads as `model` of the solvers `multiple-choice`
    and `keras-choice`, and in transformers.

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

    def prepare(self, train: Exam, dev: Exam | None, n_steps: int | None) -> Prepared:
        """Return the compiled model, the batches, and the scoring of dev questions."""
        from llmexam.lm.keras_models.choice_model import choice_loss, choice_model
        from llmexam.training.keras_base.optimiser import create_optimiser, freeze
        from llmexam.training.keras_base.placement import dtype_policy
        from llmexam.training.keras_choice.data import ChoiceBatches
        from llmexam.training.keras_choice.grading import DevScorer
        from llmexam.training.keras_choice.metrics import MapAtK

        settings = self.settings
        source = resolve_model(settings.model)
        reader = load_keras_reader(
            source,
            head=settings.head,
            dropout=settings.dropout,
            seed=settings.seed,
            dtype=dtype_policy(settings),
        )
        asked, limit = settings.encoding.max_tokens, reader.max_tokens
        if limit is not None and asked > limit:
            raise ModelError(
                _TYPE_PROBLEM.format(limit=limit, asked=asked),
                file=source.path,
                hint=f"Set encoding.max_tokens to {limit} or less",
            )
        tokenizer = load_tokenizer(source)
        data = ChoiceBatches(train, settings, tokenizer, reader)
        steps = n_steps or count_steps(len(data), settings)[0]
        freeze(reader.backbone, settings)
        if settings.lora_rank is not None:
            _add_lora(reader.backbone, settings.lora_rank)
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
            source,
            card={
                # What the solver of this name reads; the training says that it was Keras.
                "family": "multiple-choice",
                "head": settings.head,
                "encoding": settings.encoding.model_dump(mode="json"),
            },
            save=lambda folder: _save(reader, model, folder),
            dev=graded,
            grade_before=not reader.new_head,
            merge=lambda: _merge(reader.backbone) if settings.lora_rank is not None else None,
            tokenizer=tokenizer,
            notes=reading_notes(data.read, len(train)),
        )

    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""
        import_keras(self.settings.backend)
        from llmexam.training.keras_choice.estimate import estimate

        self.require_usable(train)
        return estimate(self, train)


def _save(reader: KerasReader, model: Any, folder: Path) -> None:
    save_keras_reader(reader, folder)
    draw_model(model, reader, folder / "model.png")


def _add_lora(backbone: Any, rank: int) -> None:
    """Add adapters, which are then the only weights of the encoder that are trained."""
    backbone.enable_lora(rank)
    for layer in _adapted(backbone):
        # Keras leaves the biases of these layers trainable.
        if layer.bias is not None:
            layer.bias.trainable = False


def _adapted(backbone: Any) -> list[Any]:
    layers = backbone._flatten_layers(include_self=False)
    return [layer for layer in layers if getattr(layer, "lora_enabled", False)]


def _merge(backbone: Any) -> None:
    """Add the adapters to the kernels, and remove them."""
    ops = import_keras().ops
    for layer in _adapted(backbone):
        # In float32: the property `kernel` has the type of the arithmetic, which may be bf16.
        delta = ops.matmul(layer.lora_kernel_a, layer.lora_kernel_b)
        scale = layer.lora_alpha / layer.lora_rank
        layer._kernel.assign(layer._kernel + scale * delta)
        layer.lora_enabled = False
