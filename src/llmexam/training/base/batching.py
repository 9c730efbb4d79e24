"""Batching and order of training questions.

The questions of a step are chosen first and then distributed over its passes and processes, so that
one process with batches of 8, two with 4, and four passes of 2 take the same steps. Questions of
similar length share a step, which reduces padding and the cost of attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Questions are sorted by length within windows of this many steps. A full sort would repeat the
# same steps in each epoch, and bias each gradient to one length.
BUCKET_STEPS = 16


class Draw(NamedTuple):
    """A question of a pass.

    Attributes:
        epoch: The epoch, from 0.
        row: Index of the question.
        counts: False for a filler in a process that would have no question.
    """

    epoch: int
    row: int
    counts: bool


class BatchPlan:
    """Batch sampler for torch's DataLoader: the passes of one process, by epoch.

    The plan depends only on lengths, sizes, seed and epoch, so a training resumed in the middle
    of an epoch gets the same passes.

    Args:
        n_tokens: Tokens of each question, all options together, shape `[n_questions]`.
        batch_size: Questions of one pass on one process.
        n_passes: Passes of one step on one process (gradient accumulation).
        n_processes: Number of processes.
        process: Rank of this process.
        seed: Random seed of the order.
        bucket_steps: Steps within whose questions those of similar length are chosen for one step;
            with 1 a step is a random draw.
        difficulty: Difficulty of each question, shape `[n_questions]`, for a curriculum.
        n_ordered_epochs: Number of first epochs in order of difficulty. Within the steps of a
            bucket, the order is random.
    """

    def __init__(
        self,
        n_tokens: NDArray[np.int64],
        batch_size: int,
        *,
        n_passes: int = 1,
        n_processes: int = 1,
        process: int = 0,
        seed: int = 0,
        bucket_steps: int = BUCKET_STEPS,
        difficulty: NDArray[np.float64] | None = None,
        n_ordered_epochs: int = 0,
    ) -> None:
        self._difficulty = difficulty
        self._n_ordered_epochs = n_ordered_epochs
        self._bucket_steps = bucket_steps
        self._n_tokens = n_tokens
        self._batch_size = batch_size
        self._n_passes = n_passes
        self._n_processes = n_processes
        self._process = process
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the number of passes per epoch on this process."""
        n_whole, n_rest = divmod(len(self._n_tokens), self._step_size)
        return n_whole * self._n_passes + -(-n_rest // (self._batch_size * self._n_processes))

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield the questions of each pass."""
        for step in self.steps(self._epoch):
            yield from self._passes(step)

    def steps(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the questions of each step of an epoch, over all passes and processes.

        All steps have the same number of questions, except a smaller last one.
        """
        draw = np.random.default_rng([self._seed, epoch])
        order = draw.permutation(len(self._n_tokens))
        is_ordered = self._difficulty is not None and epoch < self._n_ordered_epochs
        if self._difficulty is not None and is_ordered:
            order = order[np.argsort(self._difficulty[order], kind="stable")]
        bucket = self._step_size * self._bucket_steps
        parts = [order[i : i + bucket] for i in range(0, len(order), bucket)]
        by_length = [part[np.argsort(-self._n_tokens[part], kind="stable")] for part in parts]
        in_order = np.concatenate(by_length) if by_length else order
        steps = [
            in_order[i : i + self._step_size] for i in range(0, len(in_order), self._step_size)
        ]
        n_whole = len(in_order) // self._step_size
        if is_ordered:
            firsts = range(0, n_whole, self._bucket_steps)
            shuffled = [
                first + draw.permutation(min(self._bucket_steps, n_whole - first))
                for first in firsts
            ]
            return [steps[i] for part in shuffled for i in part] + steps[n_whole:]
        return [steps[i] for i in draw.permutation(n_whole)] + steps[n_whole:]

    @property
    def _step_size(self) -> int:
        return self._batch_size * self._n_passes * self._n_processes

    def _passes(self, step: NDArray[np.int64]) -> Iterator[list[Draw]]:
        size = self._batch_size * self._n_processes
        for start in range(0, len(step), size):
            shared = step[start : start + size]
            # Distributed in turn, longest first, so that processes finish at about the same time.
            own = shared[self._process :: self._n_processes]
            if len(own):
                yield [Draw(self._epoch, int(row), True) for row in own]
            else:
                yield [Draw(self._epoch, int(shared[0]), False)]
