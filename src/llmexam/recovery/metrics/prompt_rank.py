"""MAP@3 of the true prompt among drawn ones: the metric that both kinds of exam share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import TextVectors
from llmexam.recovery.groups import prompt_groups
from llmexam.recovery.rewrites import RewriteExam

Floats = NDArray[np.float64]
K = 3


class PromptRank:
    """MAP@3 of ranking the true prompt among drawn prompts by similarity to the recovered one.

    The other prompts are drawn from the exam, one from each of `n - 1` other groups of near-equal
    prompts, so that no wording of the true prompt is among them.

    Args:
        vectors: The embedder.
        n: Number of prompts to rank, the true one included; fewer where the exam has fewer
            groups of near-equal prompts.
        seed: Seed of the draw.
    """

    name = "prompt_map_at_3"
    higher_is_better = True
    bounds = (0.0, 1.0)

    def __init__(self, vectors: TextVectors, *, n: int = 10, seed: int = 0) -> None:
        self._vectors = vectors
        self._n = n
        self._seed = seed

    @property
    def label(self) -> str:
        """Name on pages."""
        return f"MAP@3 of {self._n} prompts"

    @property
    def explanation(self) -> str:
        """What it measures."""
        return (
            f"1 / rank of the true prompt among {self._n}, ranked by cosine similarity to the "
            "recovered prompt; 0 below rank 3. Among fewer prompts where the exam has fewer groups "
            "of near-equal ones."
        )

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return 1 / rank of each row's true prompt, 0 below rank 3, shape `[n_items]`."""
        prompts = items.prompts
        drawn = self._drawn(prompts)
        found = self._vectors.encode(predictions)
        truth = self._vectors.encode(prompts)
        values = np.zeros(len(prompts))
        for i, others in enumerate(drawn):
            own = float(found[i] @ truth[i])
            # A tie counts against the true prompt.
            rank = 1 + int((truth[others] @ found[i] >= own - 1e-7).sum())
            values[i] = 1 / rank if rank <= K else 0.0
        return values

    def chance(self, items: RewriteExam, /) -> Floats:
        """Return the mean over all ranks, shape `[n_items]`."""
        sizes = np.array([len(others) + 1 for others in self._drawn(items.prompts)])
        return np.array([sum(1 / r for r in range(1, min(K, n) + 1)) / n for n in sizes])

    def _drawn(self, prompts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Return rows whose prompts are the other ones, for each row."""
        groups = prompt_groups(prompts)
        # The first row of each group speaks for it.
        _, firsts = np.unique(groups, return_index=True)
        rng = np.random.default_rng(self._seed)
        drawn = []
        for group in groups:
            others = firsts[groups[firsts] != group]
            size = min(self._n - 1, len(others))
            drawn.append(rng.choice(others, size=size, replace=False) if size else others[:0])
        return drawn
