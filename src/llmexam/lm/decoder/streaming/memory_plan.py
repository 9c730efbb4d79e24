"""Memory budget of streamed models: weights, batches and hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from llmexam.errors import ModelError
from llmexam.lm.decoder.head import LOGIT_BYTES, layer_bytes_per_token
from llmexam.lm.decoder.streaming.skeleton import Skeleton

# Memory of torch and the allocator during computation; 28 MB were measured.
_LIBRARY_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Memory use of a streamed model, in bytes.

    Attributes:
        weights: Two buffers of layer weights, and one of a tensor whose type is converted.
        batch: Activations of one batch inside a layer, and libraries.
        states: Hidden states of the whole exam.
        limit: Memory limit.
    """

    weights: int
    batch: int
    states: int
    limit: int

    @property
    def in_file(self) -> bool:
        """Whether the hidden states are kept in a file."""
        return self.weights + self.batch + self.states > self.limit


class MemoryBudget:
    """Plans the memory of a streamed model under a limit."""

    def __init__(self, skeleton: Skeleton, limit: int) -> None:
        self._skeleton, self._limit = skeleton, limit
        config = skeleton.config
        self.part_bytes = max(part.n_bytes for part in skeleton.parts)
        parts = [*skeleton.parts, *skeleton.head_parts(self.part_bytes)]
        staging = max(part.staging_bytes for part in parts)
        # Two buffers: one is filled while the other is in use (`WeightFiles.stream`).
        self._weights = 2 * max(part.n_bytes for part in parts) + staging
        self._fixed = LOGIT_BYTES + _LIBRARY_BYTES
        self._per_token = layer_bytes_per_token(config, skeleton.dtype)

    def most_tokens(self, asked: int) -> int:
        """Return the maximum tokens per batch: a quarter of the memory that weights leave free."""
        free = self._limit - self._weights - self._fixed
        return max(1, min(asked, int(free // (4 * self._per_token))))

    def plan(self, sizes: Sequence[int], n_targets: Sequence[int]) -> MemoryPlan:
        """Return the memory plan for batches of these sizes.

        Raises:
            ModelError: It exceeds the limit.
        """
        width = self._skeleton.config.hidden_size * self._skeleton.dtype.itemsize
        batch = max(sizes) * self._per_token + self._fixed
        states = (sum(sizes) + sum(n_targets)) * width
        plan = MemoryPlan(self._weights, batch, states, self._limit)
        if plan.weights + plan.batch > plan.limit:
            raise ModelError(
                f"{plan.limit / 1e6:,.0f} MB are not enough: two layers and the "
                f"longest question need {(plan.weights + plan.batch) / 1e6:,.0f} MB",
                file=self._skeleton.folder.path,
                hint="Raise memory_mb, use a lower precision, or use less evidence",
            )
        return plan


def half_of_free() -> int:
    """Return half of the available memory, in bytes."""
    return int(psutil.virtual_memory().available // 2)
