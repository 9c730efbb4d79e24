"""Log-likelihoods of requests, cached on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.decoder.protocol import GroupScorer
from llmexam.lm.decoder.requests import Continuation, Group
from llmexam.storage.hashing import hash_json
from llmexam.storage.vector_cache import VectorCache

# Groups between two writes to the cache, so that a stopped run loses little.
_WINDOW_GROUPS = 128


class SumScorer:
    """Computes log-likelihoods (sums of log-probabilities) and caches them.

    Args:
        scorer: Computes the log-probabilities.
        cache_dir: Folder of the cache; None for no cache.

    Attributes:
        n_reused: Requests so far that were taken from the cache.
    """

    def __init__(self, scorer: GroupScorer, cache_dir: Path | None = None) -> None:
        self.scorer = scorer
        self.n_reused = 0
        self._cache = None
        folder = scorer.folder
        if cache_dir is not None and folder is not None:
            name = hash_json([folder.weights_hash, scorer.computes])
            self._cache = VectorCache(cache_dir / name[:32], 1)

    def score(
        self, groups: Sequence[Group], *, progress: Callable[[int, int], None] | None = None
    ) -> list[NDArray[np.float64]]:
        """Return the log-likelihood of each request, one array of shape `[n_requests]` per group.

        Args:
            groups: Requests that share a prefix.
            progress: Called as `progress(n_done, n_all)` with counts of groups.

        Raises:
            ModelError: A request exceeds the context length.
        """
        done = 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            if progress is not None:
                progress(done, len(groups))

        results: list[NDArray[np.float64]] = []
        size = max(1, len(groups)) if self.scorer.whole_exam else _WINDOW_GROUPS
        for begin in range(0, len(groups), size):
            results += self._score_window(groups[begin : begin + size], advance)
            # Cached and empty groups are done as well.
            advance(min(begin + size, len(groups)) - done)
        return results

    def _score_window(
        self, groups: Sequence[Group], advance: Callable[[int], None]
    ) -> list[NDArray[np.float64]]:
        requests = list(dict.fromkeys(request for group in groups for request in group))
        keys = [_content(request) for request in requests]
        vectors = np.zeros((len(requests), 1), dtype=np.float32)
        cut = np.zeros(len(requests), dtype=bool)
        known = np.zeros(len(requests), dtype=bool)
        if self._cache is not None:
            known = self._cache.look_up(keys, vectors, cut)
        self.n_reused += int(known.sum())
        sums = {request: float(vectors[i, 0]) for i, request in enumerate(requests) if known[i]}
        asked: set[Continuation] = set()
        todo: list[list[Continuation]] = []
        for group in groups:
            # A request of two groups is scored with the first.
            fresh = [r for r in dict.fromkeys(group) if r not in sums and r not in asked]
            asked.update(fresh)
            if fresh:
                todo.append(fresh)
        for group, found in zip(todo, self.scorer.score(todo, progress=advance), strict=True):
            sums.update((r, float(one.sum())) for r, one in zip(group, found, strict=True))
        if self._cache is not None and not known.all():
            new = [i for i in range(len(requests)) if not known[i]]
            values = np.array([[sums[requests[i]]] for i in new], dtype=np.float32)
            self._cache.store([keys[i] for i in new], values, cut[new])
        return [np.array([sums[request] for request in group]) for group in groups]


def _content(request: Continuation) -> bytes:
    return np.array([request.start, *request.tokens], dtype=np.int64).tobytes()
