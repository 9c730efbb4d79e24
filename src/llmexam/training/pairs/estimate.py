"""Estimate of the cost of training on lists of pairs."""

from __future__ import annotations

from llmexam.training.base.estimate import MB, count_steps, time_steps
from llmexam.training.base.trainee import Trainee
from llmexam.training.pairs.lists import EncodedLists
from llmexam.training.pairs.settings import PairTrainingSettings
from llmexam.training.pairs.training import make_trainer
from llmexam.training.protocol import Estimate


def estimate(lists: EncodedLists, trainee: Trainee, settings: PairTrainingSettings) -> Estimate:
    """Return the estimated cost of training on this machine, with one process.

    Tokens, steps and cuts are exact. Seconds are those of a few steps.
    """
    n_rows = len(lists.sequences) if settings.loss == "binary" else len(lists.lists)
    n_steps, _ = count_steps(n_rows, settings)
    watch = time_steps(settings, lambda trial, folder: make_trainer(trainee, lists, trial, folder))
    return Estimate(
        n_questions=len(lists.lists),
        n_tokens=lists.n_tokens,
        n_steps=n_steps,
        n_truncated=lists.n_truncated,
        share_cut=lists.share_cut,
        seconds=watch.mean_seconds * n_steps,
        peak_mb=watch.peak / MB,
        details={
            "pairs": f"{len(lists.sequences):,}",
            "tokens per pair": f"{lists.n_tokens / len(lists.sequences):.0f} on average, "
            f"{max(len(one.ids) for one in lists.sequences)} at most",
        },
    )
