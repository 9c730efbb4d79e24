"""What chooses the best step of such a training, and scores of generated prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmexam.recovery.embeddings import text_vectors
from llmexam.recovery.metrics.sharpened_cosine import SharpenedCosine
from llmexam.recovery.metrics.text_match import ExactMatch
from llmexam.recovery.rewrites import RewriteExam

RANDOM_STEPS = 1
"""As `bucket_steps` of a plan: a step is a random draw of rows.

How long a rewrite is depends on its prompt ("Keep only the first sentence."), so steps of rows of
one length would have few prompts each, and the training would swing from one to the next.
"""


@dataclass(frozen=True, slots=True)
class LossMetric:
    """The loss as the metric that selects the best step."""

    name: str = "loss"
    higher_is_better: bool = False


def drawn_rows(items: RewriteExam, n_rows: int, seed: int) -> RewriteExam:
    """Return some of the rows, drawn at random, in their order."""
    drawn = np.random.default_rng(seed).permutation(len(items))
    return items.subset(sorted(drawn[:n_rows].tolist()))


def score_prompts(items: RewriteExam, found: Sequence[str], embedder: str) -> dict[str, float]:
    """Return sharpened cosine and exact match of generated prompts, by name of the metric.

    Args:
        items: The rows, with known prompts.
        found: The generated prompts.
        embedder: Embedder of the sharpened cosine.
    """
    metrics = (SharpenedCosine(text_vectors(embedder)), ExactMatch())
    return {one.name: float(one.values(items, found).mean()) for one in metrics}
