"""Grades of dev rewrites under the current weights: loss, and scores of generated prompts."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmexam.lm.keras_models.arrays import predicted
from llmexam.lm.keras_models.causal import KerasDecoder
from llmexam.lm.keras_models.causal_generation import KerasGenerator
from llmexam.recovery.prompting import Prompter
from llmexam.recovery.recoverers.language_model import answer_of
from llmexam.recovery.rewrites import RewriteExam
from llmexam.training.base.dev_set import Graded
from llmexam.training.keras_recoverer.data import AnswerBatches
from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.training.rewrites.examples import Examples
from llmexam.training.rewrites.grading import LossMetric, drawn_rows, score_prompts


class KerasDevRewrites:
    """The dev rows of a training; see `DevItems`.

    Args:
        items: The rows, with known prompts.
        model: The trained model; see `answer_model`.
        decoder: The decoder inside it.
        settings: Format, limits, and how many prompts are generated.
        tokenizer: A fast tokenizer of transformers.
        pad_id: Token id to pad with.
    """

    metric = LossMetric()

    def __init__(
        self,
        items: RewriteExam,
        model: Any,
        decoder: KerasDecoder,
        settings: KerasRecovererTrainingSettings,
        tokenizer: Any,
        pad_id: int,
    ) -> None:
        self._model = model
        self._decoder = decoder
        self._settings = settings
        self._tokenizer = tokenizer
        self._pad_id = pad_id
        self._examples = Examples(items, settings, tokenizer, decoder.longest)
        self._data = AnswerBatches(self._examples, settings, pad_id, decoder.longest)
        # The longest first, so that a pass has rows of similar length.
        self._order = np.argsort(-self._examples.n_tokens, kind="stable").tolist()
        self._sample = drawn_rows(items, settings.dev_generated, settings.seed)

    def grade(self) -> Graded:
        """Return the mean loss of a prompt token."""
        size = self._settings.batch_size
        total = 0.0
        for start in range(0, len(self._order), size):
            rows = [self._examples[row] for row in self._order[start : start + size]]
            inputs, _, weights = self._data.batch(rows, share=1.0)
            losses = predicted(self._model, inputs)
            total += float(losses[weights > 0].astype(np.float64).sum())
        loss = total / float(self._examples.n_targets.sum())
        return Graded(loss, loss, further=self._score_generated() if len(self._sample) else {})

    def _score_generated(self) -> dict[str, float]:
        """Return sharpened cosine and exact match of generated prompts of some rows."""
        settings, tokenizer = self._settings, self._tokenizer
        prompter = Prompter(tokenizer, settings.prompting)
        ends = [] if tokenizer.eos_token_id is None else [int(tokenizer.eos_token_id)]
        generator = KerasGenerator(
            self._decoder,
            top_k=settings.top_k,
            seed=settings.seed,
            stop_ids=ends,
            pad_id=self._pad_id,
            multiple=settings.length_multiple,
        )
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
