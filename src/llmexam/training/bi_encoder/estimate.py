"""Estimate of the cost of training a bi-encoder."""

from __future__ import annotations

import numpy as np

from llmexam.exam.exam import Exam
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.loading import resolve_model
from llmexam.training.base.estimate import MB, count_steps, time_steps
from llmexam.training.bi_encoder.model import load_model, make_trainer
from llmexam.training.bi_encoder.rows import make_rows
from llmexam.training.bi_encoder.settings import BiEncoderTrainingSettings
from llmexam.training.protocol import Estimate


def estimate(train: Exam, settings: BiEncoderTrainingSettings) -> Estimate:
    """Return the estimated cost of training on this machine, with one process.

    Tokens, steps and truncation are exact. Seconds are extrapolated from a few steps.
    """
    embedder = load_embedder(settings.model, precision="fp32", max_tokens=settings.max_tokens)
    rows, notes = make_rows(train, embedder, settings)
    names = [name for name in rows.column_names if name != "label"]
    counts = [embedder.count_tokens(rows[name]) for name in names]
    limit = embedder.max_tokens
    model = load_model(resolve_model(settings.model), embedder, settings)
    watch = time_steps(settings, lambda trial, folder: make_trainer(model, rows, trial, folder))
    n_steps, _ = count_steps(len(rows), settings)
    n_all = sum(int(one.sum()) for one in counts)
    n_read = sum(int(one.clip(max=limit).sum()) for one in counts)
    return Estimate(
        n_questions=len(train),
        n_tokens=n_read,
        n_steps=n_steps,
        n_truncated=int((np.stack(counts) > limit).any(axis=0).sum()),
        share_cut=1 - n_read / max(1, n_all),
        seconds=watch.mean_seconds * n_steps,
        peak_mb=watch.peak / MB,
        details={"rows": f"{len(rows):,}", **{f"note {i}": n for i, n in enumerate(notes, 1)}},
    )
