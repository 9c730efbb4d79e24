"""Estimate of the cost of a Keras training: counted tokens, measured time and memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import psutil

from llmexam.exam.exam import Exam
from llmexam.training.base.batching import Draw
from llmexam.training.base.estimate import MB, N_TIMED, count_steps
from llmexam.training.keras_base.placement import placed
from llmexam.training.keras_choice.data import ChoiceBatches
from llmexam.training.preflight import expected_first_loss
from llmexam.training.protocol import Estimate

if TYPE_CHECKING:
    from llmexam.training.keras_choice.trainer import KerasChoiceTrainer


def estimate(trainer: KerasChoiceTrainer, train: Exam) -> Estimate:
    """Return the estimated cost of training on this machine.

    Tokens, steps and truncation are exact. Seconds are those of a long, a usual and a short pass,
    by their padded tokens, after each was compiled. Memory is that of the process.

    Args:
        trainer: The trainer.
        train: The training questions.
    """
    settings = trainer.settings
    with placed(settings):
        made = trainer.prepare(train, None, None)
        data = made.rows
        n_steps, _ = count_steps(len(data), settings)
        seconds, first_loss, peak = _timed(made.model, data, settings.batch_size)
    read = data.read
    n_tokens = int(read.n_tokens.sum())
    n_weights = made.model.count_params()
    n_trained = sum(int(np.prod(one.shape)) for one in made.model.trainable_variables)
    return Estimate(
        n_questions=len(data),
        n_tokens=n_tokens,
        n_steps=n_steps,
        n_truncated=int(read.truncated.sum()),
        share_cut=float(read.n_cut.sum() / max(1, read.n_first.sum())),
        seconds=seconds * n_steps * settings.gradient_accumulation,
        peak_mb=peak / MB,
        details={
            "trainable weights": f"{n_trained:,} of {n_weights:,}",
            "tokens per option": f"{n_tokens / (len(read.ends) - 1):.0f} on average, "
            f"{int(np.diff(read.ends).max())} at most",
            "seconds per pass": f"{seconds:.2f}",
            "first loss": f"{first_loss:.3f}; equal scores give "
            f"{expected_first_loss([len(q.options) for q in train]):.3f}",
        },
    )


def _timed(model: object, data: ChoiceBatches, batch_size: int) -> tuple[float, float, int]:
    """Return the mean time of a pass, the loss of the first one, and the largest memory."""
    order = np.argsort(-data.read.n_tokens, kind="stable")
    places = np.linspace(0, max(0, len(order) - batch_size), N_TIMED).round().astype(int)
    seconds, losses, peak = [], [], 0
    for place in places.tolist():
        draws = [Draw(0, int(row), True) for row in order[place : place + batch_size]]
        inputs, labels, weights = data.batch(draws, batch_size / len(draws))
        for _ in range(2):
            began = time.perf_counter()
            told = model.train_on_batch(  # type: ignore[attr-defined]
                inputs, labels, weights, return_dict=True
            )
            losses.append(float(told["loss"]))
            took = time.perf_counter() - began
        seconds.append(took)
        peak = max(peak, psutil.Process().memory_info().rss)
    return float(np.mean(seconds)), losses[0], peak
