"""Scores of dev questions under the current weights, as by solver `causal-lm`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.decoder import Decoder, LikelihoodScorer
from llmexam.solvers.prompts.template import PromptTemplate, read_template
from llmexam.training.base import dev_set
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.dev_set import DevLoss
from llmexam.training.causal_lm.model import Trainee
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.prompts.examples import asking_for, prompter_for


class DevScorer:
    """Scores the dev questions, whose prompts are tokenised once.

    Args:
        dev: The questions.
        trainee: The trained model.
        settings: Prompt settings and precision.
        template: The template of the settings, if already loaded.
    """

    def __init__(
        self,
        dev: Exam,
        trainee: Trainee,
        settings: CausalLmTrainingSettings,
        template: PromptTemplate | None = None,
    ) -> None:
        template = template or read_template(settings.encoding.template)
        self._asking = asking_for(template, settings.encoding)
        prompter = prompter_for(template, settings.encoding, trainee.tokenizer, trainee.longest)
        self._dev = dev
        self._asked = [
            prompter.prompts(question, self._asking.asks(question), ()) for question in dev
        ]
        self._trainee = trainee
        # Tested now, because under autocast the model's own forward is rounded, and ours is not.
        was_training = trainee.model.training
        trainee.model.eval()
        self._shares = Decoder(trainee.decoder, trainee.tokenizer, trainee.source).shares
        trainee.model.train(was_training)
        device = training_device(settings.device)
        precision = training_precision(settings.precision, device)
        self._autocast: Any = nullcontext
        weights = next(trainee.decoder.parameters()).dtype
        # The CPU attention kernel needs queries and keys of one type, so autocast is disabled.
        if device == "cuda" and precision != "fp32" and weights == torch.float32:
            dtype = torch.bfloat16 if precision == "bf16" else torch.float16
            self._autocast = lambda: torch.autocast("cuda", dtype)

    @torch.no_grad()
    def score(self) -> ScoreMatrix:
        """Return the scores under the current weights; leaves the model in evaluation mode."""
        trainee = self._trainee
        trainee.model.eval()
        # A new scorer each time, because cached prefixes belong to earlier weights.
        decoder = Decoder(trainee.decoder, trainee.tokenizer, trainee.source, shares=self._shares)
        scorer = LikelihoodScorer(decoder)
        groups = [[r for one in asked for r in one.requests] for asked in self._asked]
        with self._autocast():
            found = scorer.score(groups)
        rows = []
        for question, asked, logs in zip(self._dev, self._asked, found, strict=True):
            each = np.array([[one.sum(dtype=np.float64), len(one)] for one in logs])
            heard = np.split(each, np.cumsum([len(one.requests) for one in asked])[:-1])
            rows.append(self._asking.scores(question, heard, ()))
        cut = [max(one.n_cut for one in asked) > 0 for asked in self._asked]
        return ScoreMatrix.from_rows(self._dev.ids, rows, cut)


def dev_loss(settings: CausalLmTrainingSettings) -> DevLoss:
    """Return the dev loss: binary cross-entropy per option, or a softmax over options."""
    return dev_set.dev_loss("binary" if settings.objective.startswith("binary") else "softmax")
