"""Grades of dev rewrites under the current weights: loss, and scores of generated prompts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from llmexam.lm.keras_models.arrays import predicted
from llmexam.lm.keras_models.causal_generation import KerasGenerator
from llmexam.recovery.prompting import Prompter
from llmexam.recovery.recoverers.language_model import answer_of
from llmexam.recovery.rewrites import RewriteExam
from llmexam.training.base.dev_set import Graded
from llmexam.training.keras_decoders.data import AnswerBatches
from llmexam.training.keras_recoverer.data import RewriteRows
from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.training.rewrites.examples import Examples
from llmexam.training.rewrites.grading import (
    RANDOM_STEPS,
    LossMetric,
    drawn_rows,
    score_prompts,
)

if TYPE_CHECKING:
    from llmexam.training.keras_decoders.trainee import DecoderTrainee


class KerasDevRewrites:
    """The dev rows of a training; see `DevItems`.

    Args:
        items: The rows, with known prompts.
        trainee: The decoder, and the model of its loss.
        settings: Format, limits, and how many prompts are generated.
    """

    metric = LossMetric()

    def __init__(
        self,
        items: RewriteExam,
        trainee: DecoderTrainee,
        settings: KerasRecovererTrainingSettings,
    ) -> None:
        self._trainee = trainee
        self._settings = settings
        longest = trainee.decoder.longest
        self._examples = Examples(items, settings, trainee.tokenizer, longest)
        self._rows = RewriteRows(self._examples)
        self._data = AnswerBatches(self._rows, settings, trainee.pad_id, longest, RANDOM_STEPS)
        # The longest first, so that a pass has rows of similar length.
        self._order = np.argsort(-self._examples.n_tokens, kind="stable").tolist()
        self._sample = drawn_rows(items, settings.dev_generated, settings.seed)

    def grade(self) -> Graded:
        """Return the mean loss of a prompt token."""
        size = self._settings.batch_size
        total = 0.0
        for start in range(0, len(self._order), size):
            rows = [self._rows.draw(row) for row in self._order[start : start + size]]
            inputs, _, weights = self._data.batch(rows, share=1.0)
            losses = predicted(self._trainee.model, inputs)
            total += float(losses[weights > 0].astype(np.float64).sum())
        loss = total / float(self._examples.n_targets.sum())
        return Graded(loss, loss, further=self._score_generated() if len(self._sample) else {})

    def _score_generated(self) -> dict[str, float]:
        """Return sharpened cosine and exact match of generated prompts of some rows."""
        settings, tokenizer = self._settings, self._trainee.tokenizer
        prompter = Prompter(tokenizer, settings.prompting)
        generator = self._generator
        # Each evaluation draws the same numbers, also in a training that was resumed.
        generator.restart()
        asked = [prompter.encode(row.original, row.rewritten) for row in self._sample]
        # No longer than the longest true prompt: what a model writes beyond it is not waited for.
        n_new = int(self._examples.n_targets.max())
        found = []
        for start in range(0, len(asked), settings.batch_size):
            for ids in generator.generate(asked[start : start + settings.batch_size], n_new):
                text = str(tokenizer.decode(ids))
                for stop in prompter.stop:
                    text = text.partition(stop)[0]
                found.append(answer_of(text))
        return score_prompts(self._sample, found, settings.embedder)

    @cached_property
    def _generator(self) -> KerasGenerator:
        """The generator of all evaluations, so that JAX compiles it once."""
        end = self._trainee.tokenizer.eos_token_id
        return KerasGenerator(
            self._trainee.decoder,
            top_k=self._settings.top_k,
            seed=self._settings.seed,
            stop_ids=() if end is None else (int(end),),
            pad_id=self._trainee.pad_id,
            multiple=self._settings.length_multiple,
        )
