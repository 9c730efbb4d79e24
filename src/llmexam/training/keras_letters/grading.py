"""Scores of dev questions under the current weights, as by solver `causal-lm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.keras_models.arrays import predicted
from llmexam.solvers.prompts.template import PromptTemplate
from llmexam.training.keras_decoders.data import AnswerBatches
from llmexam.training.keras_letters.data import scored_rows
from llmexam.training.keras_letters.settings import KerasLettersTrainingSettings
from llmexam.training.prompts.examples import asking_for, prompter_for

if TYPE_CHECKING:
    from llmexam.training.keras_decoders.trainee import DecoderTrainee


class DevScorer:
    """Scores the dev questions, whose prompts are tokenised once.

    Args:
        dev: The questions.
        trainee: The decoder, and the model of its loss.
        data: Assembles batches.
        settings: Prompt settings.
        template: The template of the settings.
    """

    def __init__(
        self,
        dev: Exam,
        trainee: DecoderTrainee,
        data: AnswerBatches,
        settings: KerasLettersTrainingSettings,
        template: PromptTemplate,
    ) -> None:
        self._asking = asking_for(template, settings.encoding)
        prompter = prompter_for(
            template, settings.encoding, trainee.tokenizer, trainee.decoder.longest
        )
        self._dev = dev
        self._asked = [
            prompter.prompts(question, self._asking.asks(question), ()) for question in dev
        ]
        self._requests = [r for asked in self._asked for one in asked for r in one.requests]
        self._rows, self._owners = scored_rows(self._requests)
        self._model = trainee.model
        self._data = data
        self._size = settings.batch_size

    def score(self) -> ScoreMatrix:
        """Return the scores under the current weights."""
        logs = np.zeros(len(self._requests))
        # The longest first, so that a pass has rows of similar length.
        order = sorted(range(len(self._rows)), key=lambda row: -len(self._rows[row].ids))
        for start in range(0, len(order), self._size):
            chosen = order[start : start + self._size]
            inputs, _, _ = self._data.batch([self._rows[row] for row in chosen], share=1.0)
            losses = predicted(self._model, inputs)
            for place, row in enumerate(chosen):
                owners = self._owners[row]
                np.subtract.at(logs, owners, losses[place, : len(owners)].astype(np.float64))
        rows, first = [], 0
        for question, asked in zip(self._dev, self._asked, strict=True):
            heard = []
            for one in asked:
                n = len(one.requests)
                lengths = [len(request.targets) for request in one.requests]
                heard.append(np.column_stack([logs[first : first + n], lengths]))
                first += n
            rows.append(self._asking.scores(question, heard, ()))
        cut = [max(one.n_cut for one in asked) > 0 for asked in self._asked]
        return ScoreMatrix.from_rows(self._dev.ids, rows, cut)
