"""Score dev questions by the weights that are trained, as solver `causal-lm` will."""

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
from llmexam.training.causal_lm.examples import asking_for, prompter_for
from llmexam.training.causal_lm.model import Trainee
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings


class DevScorer:
    """The dev questions, put once.

    Args:
        dev: The questions.
        trainee: Whose weights score them.
        settings: How questions are put, and the precision.
        template: The template of the settings, if it has been read.
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
        # Found out now: in training the model's own forward may be rounded, and ours is not.
        was_training = trainee.model.training
        trainee.model.eval()
        self._shares = Decoder(trainee.decoder, trainee.tokenizer, trainee.source).shares
        trainee.model.train(was_training)
        device = training_device(settings.device)
        precision = training_precision(settings.precision, device)
        self._autocast: Any = nullcontext
        weights = next(trainee.decoder.parameters()).dtype
        # On a CPU the kernel of scoring takes queries and keys of one type, so it gets plain ones.
        if device == "cuda" and precision != "fp32" and weights == torch.float32:
            dtype = torch.bfloat16 if precision == "bf16" else torch.float16
            self._autocast = lambda: torch.autocast("cuda", dtype)

    @torch.no_grad()
    def score(self) -> ScoreMatrix:
        """Return the scores by the weights of now; the model is in evaluation mode after."""
        trainee = self._trainee
        trainee.model.eval()
        # Made anew: what is kept of a prefix is that of the weights it was computed with.
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
    """Return the loss of dev scores: right or wrong for each option, or a softmax over them."""
    return dev_set.dev_loss("binary" if settings.objective.startswith("binary") else "softmax")
