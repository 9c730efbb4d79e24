"""Lists of prompts for a row, to train a model that tells which prompt explains a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.rewrites import Rewrite, RewriteExam

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PromptList:
    """Prompts for a row.

    Attributes:
        row: The row.
        prompts: Its true prompt, and candidates of a search that saw neither.
        labels: 1 for the true prompt; for others their sharpened cosine to it, at least 0.
    """

    row: Rewrite
    prompts: tuple[str, ...]
    labels: tuple[float, ...]


def prompt_lists(
    items: RewriteExam,
    candidates: Sequence[Sequence[str]],
    scores: Floats,
    values: Floats,
    n_negatives: int,
) -> list[PromptList]:
    """Return a list for each row: its true prompt, and the best other candidates.

    Args:
        items: Rows with known prompts.
        candidates: As many candidates for each row; they may repeat.
        scores: Their sharpened cosines to the true prompt, shape `[n_rows, n_candidates]`.
        values: Their expected scores, of the same shape: the best ones are taken.
        n_negatives: Number of candidates that are taken; fewer where there are fewer.
    """
    lists = []
    order = np.argsort(-values, axis=1, kind="stable")
    for i, (row, prompt) in enumerate(zip(items, items.prompts, strict=True)):
        found = {candidates[i][j]: max(float(scores[i, j]), 0.0) for j in order[i]}
        found.pop(prompt, None)
        others = dict(list(found.items())[:n_negatives])
        lists.append(PromptList(row, (prompt, *others), (1.0, *others.values())))
    return lists
