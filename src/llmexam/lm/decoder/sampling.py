"""How texts are generated, and the random numbers that candidates draw tokens with.

Each candidate draws from random numbers of its own, so that what it becomes depends on neither the
other prompts nor the batch. (Sums of a batch of another size may differ in the last bits; a draw
changes only if it falls between the two.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sampling:
    """How texts are generated; the filters and their order are those of transformers' `generate`.

    Attributes:
        max_new_tokens: Most tokens of a text.
        n: Number of candidates for each prompt.
        do_sample: Draw tokens; else the likeliest one is taken, and all candidates are equal.
        temperature: Divides the logits; below 1 the likely tokens become likelier.
        top_k: Draw from this many likeliest tokens; 0 for all.
        top_p: Draw from the fewest likeliest tokens whose probabilities add up to this.
        stop: Texts that end a candidate; they are not part of it.
        seed: Random seed.
    """

    max_new_tokens: int = 64
    n: int = 1
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = {
            "max_new_tokens of at least 1": self.max_new_tokens < 1,
            "n of at least 1": self.n < 1,
            "temperature above 0": not 0 < self.temperature < float("inf"),
            "top_k of at least 0": self.top_k < 0,
            "top_p above 0 and at most 1": not 0 < self.top_p <= 1,
            "no empty stop text": "" in self.stop,
        }
        for expected, is_wrong in wrong.items():
            if is_wrong:
                raise ValueError(f"expected {expected}, got {self}")


def uniform_numbers(prompt: Sequence[int], sampling: Sampling) -> NDArray[np.float64]:
    """Return the random numbers of a prompt's candidates, shape `[n, max_new_tokens]`.

    Args:
        prompt: Token ids.
        sampling: Its seed and sizes. The first candidates and tokens do not depend on how many
            there are.
    """
    digest = hashlib.sha256(np.asarray(prompt, dtype="<i8").tobytes()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.stack(
        [
            np.random.default_rng([sampling.seed, candidate, *words]).random(
                sampling.max_new_tokens
            )
            for candidate in range(sampling.n)
        ]
    )
