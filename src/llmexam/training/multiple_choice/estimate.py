"""Estimate of the cost of a training: counted tokens, measured time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.exam import Exam
from llmexam.training.base.batching import Draw
from llmexam.training.base.estimate import MB, N_TIMED, count_steps, time_steps
from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.loop import ChoiceTrainer
from llmexam.training.multiple_choice.model import load_trainee
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.preflight import expected_first_loss
from llmexam.training.protocol import Estimate

_FP32_BYTES = 4
# Copies of the trained weights: weights, gradients, and the two moments of AdamW.
_COPIES = 4


def estimate(train: Exam, settings: MultipleChoiceTrainingSettings) -> Estimate:
    """Return the estimated cost of training on this machine, with one process.

    Tokens, steps and cuts are exact. Seconds are those of three steps, a long, a usual and a short
    one, by their tokens. Memory is what the process held in the longest step.

    Args:
        train: The training questions.
        settings: How they would be trained on.
    """
    trainee = load_trainee(settings)
    data = ChoiceData(train, settings, trainee.tokenizer)
    passes: list[NDArray[np.int64]] = []

    def make(trial: MultipleChoiceTrainingSettings, folder: Path) -> ChoiceTrainer:
        trainer = ChoiceTrainer(trainee, data, trial, folder)
        passes.extend(_chosen(trainer.plan.steps(0), data.read.n_tokens))
        trainer.use_plan(_ChosenPasses(passes))
        return trainer

    adversarial = _from_the_start(settings)
    watch = time_steps(
        settings, make, gradient_accumulation=1, log_every=1, adversarial=adversarial
    )
    per_token = sum(watch.seconds[1:]) / sum(int(data.read.n_tokens[p].sum()) for p in passes[1:])
    n_steps, of_epoch = count_steps(len(data), settings)
    n_tokens = int(data.read.n_tokens.sum())
    weights = list(trainee.reader.parameters())
    n_trained = sum(p.numel() for p in weights if p.requires_grad)
    return Estimate(
        n_questions=len(data),
        n_tokens=n_tokens,
        n_steps=n_steps,
        n_truncated=int(data.read.truncated.sum()),
        share_cut=float(data.read.n_cut.sum() / max(1, data.read.n_first.sum())),
        seconds=per_token * n_tokens * n_steps / of_epoch,
        peak_mb=watch.peak / MB,
        details={
            "trainable weights": f"{n_trained:,} of {sum(p.numel() for p in weights):,}, "
            "with gradients and optimizer moments "
            f"{n_trained * _COPIES * _FP32_BYTES / MB:,.0f} MB",
            "tokens per second": f"{1 / per_token:,.0f}",
            "tokens per option": f"{n_tokens / (len(data.read.ends) - 1):.0f} on average, "
            f"{int(np.diff(data.read.ends).max())} at most",
            "duplicate questions skipped": f"{len(train) - len(data)}",
            # A first loss far from that of uniform scores suggests a bad head or wrong labels.
            "first loss": f"{watch.losses[0]:.3f}; equal scores give "
            f"{expected_first_loss([len(q.options) for q in train]):.3f}",
        },
    )


def _from_the_start(settings: MultipleChoiceTrainingSettings) -> Any:
    """Return adversarial settings that begin at once, if they hold for most of the epochs."""
    found = settings.adversarial
    if found is None or found.from_epoch > settings.n_epochs / 2:
        return None
    return found.model_copy(update={"from_epoch": 0.0})


def _chosen(
    passes: list[NDArray[np.int64]], n_tokens: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Return the longest pass twice, for the first makes the optimizer's states, and others."""
    order = sorted(passes, key=lambda rows: -int(n_tokens[rows].sum()))
    places = np.linspace(0, len(order) - 1, N_TIMED).round().astype(int)
    return [order[0], *(order[i] for i in places)]


class _ChosenPasses:
    """Batch sampler of selected passes, instead of a `BatchPlan`."""

    def __init__(self, passes: list[NDArray[np.int64]]) -> None:
        self._passes = passes

    def __len__(self) -> int:
        return len(self._passes)

    def __iter__(self) -> Iterator[list[Draw]]:
        for rows in self._passes:
            yield [Draw(0, int(row), True) for row in rows]
