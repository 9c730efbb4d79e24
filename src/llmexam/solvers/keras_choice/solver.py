"""Solver `keras-choice`: a trained reader scores each option, run by Keras on any backend."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.lm.keras_models.backend import choose_backend, import_keras, require_backend
from llmexam.lm.models.card import ModelCard, read_card, require_family
from llmexam.lm.readers.sequence_scoring import SequenceScorer
from llmexam.solvers.readers.reasons import probability_notes
from llmexam.solvers.readers.solver import OptionReader, OptionReaderSettings

if TYPE_CHECKING:
    from llmexam.lm.keras_models.sequence_model import KerasHead

DECODERS = "keras-choice"
"""Family in the cards of decoders with a head; those of encoders have `multiple-choice`."""


class KerasChoiceSettings(OptionReaderSettings):
    """Settings of solver `keras-choice`."""

    backend: Literal["auto", "torch", "jax", "tensorflow"] = Field(
        "auto",
        description="backend of Keras. auto: the environment variable KERAS_BACKEND, else torch",
    )


class KerasChoiceSolver(OptionReader):
    """Scores options by the logits of a trained multiple-choice reader, with Keras.

    It reads what the families `keras-choice` and `multiple-choice` train. Their folder has the
    format of Hugging Face. That of an encoder is read by solver `multiple-choice` too, which is the
    faster one on a CPU.

    Raises:
        SettingsError: Keras runs on another backend in this process already.
        MissingDependencyError: Keras, KerasHub or the backend is not installed.
    """

    settings_class = KerasChoiceSettings
    settings: KerasChoiceSettings
    family = "multiple-choice"
    task = "multiple-choice"

    def __init__(self, settings: KerasChoiceSettings | None = None, **values: object) -> None:
        super().__init__(settings, **values)
        require_backend(choose_backend(self.settings.backend))

    @cached_property
    def _card(self) -> ModelCard:
        path = self._folder.path
        card = read_card(path)
        # Decoders, which solver `multiple-choice` does not read, have a family of their own.
        family = DECODERS if card is not None and card.family == DECODERS else self.family
        return require_family(path, card, family)

    @cached_property
    def _scorer(self) -> SequenceScorer:
        settings = self.settings
        import_keras(settings.backend)
        # Imports Keras, so it must come after the choice of its backend.
        from llmexam.lm.keras_models.engine import load_keras_engine

        head: KerasHead = "native"
        if self._card.head in ("mean", "last"):
            head = cast("KerasHead", self._card.head)
        engine = load_keras_engine(
            self._folder,
            head=head,
            precision=settings.precision,
            device=settings.device,
        )
        return SequenceScorer(
            engine, self._folder, head, Path(settings.cache_dir) if settings.cache_dir else None
        )

    def _notes(self, logits: NDArray[np.float64]) -> list[str]:
        return probability_notes(logits)
