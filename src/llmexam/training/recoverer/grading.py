"""Grades of dev rewrites under the current weights: loss, and scores of generated prompts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch

from llmexam.lm.decoder import Decoder, Generator, Sampling
from llmexam.recovery.prompting import Prompter
from llmexam.recovery.recoverers.language_model import answer_of
from llmexam.recovery.rewrites import RewriteExam
from llmexam.training.base.dev_set import Graded
from llmexam.training.decoders.model import Trainee
from llmexam.training.recoverer.head import summed_loss
from llmexam.training.recoverer.rows import collate, on_device, split_by_tokens
from llmexam.training.recoverer.settings import RecovererTrainingSettings
from llmexam.training.rewrites.examples import Examples
from llmexam.training.rewrites.grading import LossMetric, drawn_rows, score_prompts


class DevRewrites:
    """The dev rows of a training; see `DevItems`.

    Args:
        items: The rows, with known prompts.
        trainee: The trained model.
        settings: Format, limits, and how many prompts are generated.
        autocast: Makes the context in which the training computes its losses.
    """

    metric = LossMetric()

    def __init__(
        self,
        items: RewriteExam,
        trainee: Trainee,
        settings: RecovererTrainingSettings,
        autocast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._trainee = trainee
        self._settings = settings
        self._autocast = autocast
        self._examples = Examples(items, settings, trainee.tokenizer, trainee.longest)
        # The longest first, so that a pass has rows of similar length.
        self._order = np.argsort(-self._examples.n_tokens, kind="stable").tolist()
        # Whether the model can share prefixes, tested when it first generates.
        self._shares: bool | None = None
        self._sample = drawn_rows(items, settings.dev_generated, settings.seed)

    @torch.no_grad()
    def grade(self) -> Graded:
        """Return the mean loss of a prompt token; leaves the model in evaluation mode."""
        model = self._trainee.model
        model.eval()
        lengths = self._examples.n_tokens[self._order].tolist()
        sums = []
        for part in split_by_tokens(lengths, self._settings.tokens_per_pass):
            rows = self._order[part.start : part.stop]
            inputs = collate(
                [self._examples[row] for row in rows],
                [True] * len(rows),
                pad_id=self._trainee.pad_id,
            )
            inputs = on_device(inputs, model.device)
            with self._autocast():
                sums.append(float(summed_loss(model, self._trainee.decoder, inputs)[0]))
        loss = float(np.sum(sums) / self._examples.n_targets.sum())
        return Graded(loss, loss, further=self._score_generated() if len(self._sample) else {})

    def _score_generated(self) -> dict[str, float]:
        """Return sharpened cosine and exact match of greedy prompts of some rows."""
        trainee = self._trainee
        prompter = Prompter(trainee.tokenizer, self._settings.prompting)
        decoder = Decoder(trainee.decoder, trainee.tokenizer, trainee.source, shares=self._shares)
        self._shares = decoder.shares
        generator = Generator(decoder, n_tokens=self._settings.tokens_per_pass)
        # No longer than the longest true prompt: what a model writes beyond it is not waited for.
        sampling = Sampling(int(self._examples.n_targets.max()), stop=prompter.stop)
        asked = [prompter.encode(row.original, row.rewritten) for row in self._sample]
        found = [answer_of(texts[0].text) for texts in generator.generate(asked, sampling)]
        return score_prompts(self._sample, found, self._settings.embedder)
