"""Scores of dev questions under the current weights, as by the solver."""

from __future__ import annotations

import numpy as np
import torch

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.encoding.batching import token_batches
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.trainee import Trainee
from llmexam.training.multiple_choice.data import pack
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.option_sequences import encode

# Tokens of one pass: enough for all cores, and small enough for their caches.
_BATCH_TOKENS = 2048


class DevScorer:
    """Scores the dev questions, which are encoded once.

    Args:
        dev: The questions.
        trainee: Whose weights score them.
        settings: How a question becomes tokens, and the precision.
    """

    def __init__(
        self, dev: Exam, trainee: Trainee, settings: MultipleChoiceTrainingSettings
    ) -> None:
        self._ids = dev.ids
        self._read = encode(dev.questions, settings.encoding, trainee.tokenizer)
        self._reader = trainee.reader
        device = training_device(settings.device)
        self._device = torch.device(device)
        self._precision = training_precision(settings.precision, device)

    @torch.no_grad()
    def score(self) -> ScoreMatrix:
        """Return the scores under the current weights; leaves the reader in evaluation mode."""
        self._reader.eval()
        scores = np.zeros(len(self._read.ends) - 1, dtype=np.float32)
        lengths = np.diff(self._read.ends)
        # Longest first, so that a lack of memory shows at once.
        order = np.argsort(-lengths, kind="stable")
        for chosen in token_batches(order, lengths, _BATCH_TOKENS, pads=self._reader.pads):
            scores[chosen] = self._logits(chosen.tolist())
        rows = np.split(scores, self._read.first[1:-1])
        return ScoreMatrix.from_rows(self._ids, rows, self._read.truncated)

    def _logits(self, sequences: list[int]) -> np.ndarray:
        batch = pack([self._read.tokens(i) for i in sequences], [1] * len(sequences))
        ids, types = batch["ids"].to(self._device), batch["types"].to(self._device)
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self._precision)
        with torch.autocast(self._device.type, dtype, enabled=dtype is not None):
            # They are sorted already, so they keep their order.
            logits = self._reader(ids, types, batch["lengths"])
        found: np.ndarray = logits.squeeze(-1).float().cpu().numpy()
        return found
