"""Scores of dev questions under the current weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.keras_models.arrays import predicted
from llmexam.lm.keras_models.choice_model import padded_options
from llmexam.lm.keras_models.sequence_model import SequenceModel
from llmexam.training.keras_base.passes import padded_length
from llmexam.training.keras_choice.settings import KerasChoiceTrainingSettings
from llmexam.training.option_sequences import encode


class DevScorer:
    """Scores the dev questions, which are encoded once.

    Args:
        dev: The questions.
        model: The choice model, whose weights score them.
        reader: The reader inside it.
        settings: How a question becomes tokens.
        tokenizer: A fast tokenizer of transformers.
    """

    def __init__(
        self,
        dev: Exam,
        model: Any,
        reader: SequenceModel,
        settings: KerasChoiceTrainingSettings,
        tokenizer: Any,
    ) -> None:
        self._ids = dev.ids
        self._read = encode(dev.questions, settings.encoding, tokenizer)
        self._model = model
        self._reader = reader
        self._settings = settings

    def score(self) -> ScoreMatrix:
        """Return the scores under the current weights."""
        read, settings = self._read, self._settings
        n_options = read.n_options
        rows: list[Any] = [None] * len(self._ids)
        longest = np.maximum.reduceat(np.diff(read.ends), read.first[:-1])
        order = np.argsort(-longest, kind="stable")
        for start in range(0, len(order), settings.batch_size):
            chosen = order[start : start + settings.batch_size].tolist()
            inputs = padded_options(
                [
                    [read.tokens(i) for i in range(read.first[row], read.first[row + 1])]
                    for row in chosen
                ],
                self._reader.inputs,
                n_questions=settings.batch_size,
                n_options=int(n_options.max()),
                n_tokens=padded_length(
                    int(longest[chosen].max()),
                    settings.length_multiple,
                    settings.encoding.max_tokens,
                ),
                pad_id=self._reader.pad_id,
            )
            logits = predicted(self._model, inputs)
            for place, row in enumerate(chosen):
                rows[row] = logits[place, : n_options[row]]
        return ScoreMatrix.from_rows(self._ids, rows, read.truncated)
