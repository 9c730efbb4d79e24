"""What training a bi-encoder would take."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import transformers

from llmexam.exam.exam import Exam
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.loading import resolve_model
from llmexam.training.bi_encoder.settings import BiEncoderTrainingSettings
from llmexam.training.bi_encoder.trainer import load_model, make_rows, make_trainer
from llmexam.training.protocol import Estimate
from llmexam.training.step_timing import N_TIMED, time_steps
from llmexam.training.undisturbed import undisturbed


def estimate(train: Exam, settings: BiEncoderTrainingSettings) -> Estimate:
    """Return what training would take on this machine, by one process.

    Tokens, steps and cuts are exact. Seconds are those of a few steps.
    """
    embedder = load_embedder(settings.model, precision="fp32", max_tokens=settings.max_tokens)
    rows, notes = make_rows(train, embedder, settings)
    names = [name for name in rows.column_names if name != "label"]
    counts = [embedder.count_tokens(rows[name]) for name in names]
    limit = embedder.max_tokens
    with undisturbed(), tempfile.TemporaryDirectory() as place:
        transformers.set_seed(settings.seed)
        trial = settings.model_copy(update={"max_steps": 1 + N_TIMED})
        model = load_model(resolve_model(settings.model), embedder, trial)
        seconds, peak = time_steps(make_trainer(model, rows, trial, Path(place)))
    n_passes = math.ceil(len(rows) / settings.batch_size)
    of_epoch = max(1, math.ceil(n_passes / settings.gradient_accumulation))
    n_steps = settings.max_steps or math.ceil(settings.n_epochs * of_epoch)
    n_all = sum(int(one.sum()) for one in counts)
    n_read = sum(int(one.clip(max=limit).sum()) for one in counts)
    return Estimate(
        n_questions=len(train),
        n_tokens=n_read,
        n_steps=n_steps,
        n_truncated=int((np.stack(counts) > limit).any(axis=0).sum()),
        share_cut=1 - n_read / max(1, n_all),
        seconds=seconds * n_steps,
        peak_mb=peak,
        details={"rows": f"{len(rows):,}", **{f"note {i}": n for i, n in enumerate(notes, 1)}},
    )
