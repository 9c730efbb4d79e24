"""What training a cross-encoder would take."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import transformers

from llmexam.training.cross_encoder.lists import EncodedLists
from llmexam.training.cross_encoder.pair_training import Trainee, make_trainer
from llmexam.training.cross_encoder.settings import PairTrainingSettings
from llmexam.training.protocol import Estimate
from llmexam.training.step_timing import N_TIMED, time_steps
from llmexam.training.undisturbed import undisturbed


def estimate(lists: EncodedLists, trainee: Trainee, settings: PairTrainingSettings) -> Estimate:
    """Return what training would take on this machine, by one process.

    Tokens, steps and cuts are exact. Seconds are those of a few steps.
    """
    n_rows = len(lists.sequences) if settings.loss == "binary" else len(lists.lists)
    n_passes = math.ceil(n_rows / settings.batch_size)
    of_epoch = max(1, math.ceil(n_passes / settings.gradient_accumulation))
    with undisturbed(), tempfile.TemporaryDirectory() as place:
        transformers.set_seed(settings.seed)
        trial = settings.model_copy(update={"max_steps": 1 + N_TIMED})
        seconds, peak = time_steps(make_trainer(trainee, lists, trial, Path(place)))
    n_steps = settings.max_steps or math.ceil(settings.n_epochs * of_epoch)
    return Estimate(
        n_questions=len(lists.lists),
        n_tokens=lists.n_tokens,
        n_steps=n_steps,
        n_truncated=lists.n_truncated,
        share_cut=lists.share_cut,
        seconds=seconds * n_steps,
        peak_mb=peak,
        details={
            "pairs": f"{len(lists.sequences):,}",
            "tokens of a pair": f"{lists.n_tokens / len(lists.sequences):.0f} on average, "
            f"{max(len(one.ids) for one in lists.sequences)} at most",
        },
    )
