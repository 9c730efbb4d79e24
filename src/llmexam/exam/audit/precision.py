"""Average precision at 3 of a fixed choice of options, and of a random one.

The metrics of `llmexam.evaluation` grade solvers; the audit, which is on a lower layer, needs only
these two numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

K = 3
"""How many of the first options count."""


def average_precision(is_right: Sequence[bool] | NDArray[np.bool_], n_right: int) -> float:
    """Return the average precision at 3 of options in a certain order.

    Args:
        is_right: Whether the options are right, the first choice first; at most 3 count.
        n_right: Number of right options of the question, at least 1.

    >>> average_precision([False, True, True], 2)
    0.5833333333333333
    """
    n_found, total = 0, 0.0
    for rank, right in enumerate(is_right[:K], 1):
        n_found += bool(right)
        total += n_found / rank if right else 0.0
    return total / min(K, n_right)


@cache
def random_precision(n_options: int, n_right: int) -> tuple[float, float]:
    """Return the expected average precision at 3 of a random order, and that of its square.

    >>> round(random_precision(5, 1)[0], 4)
    0.3667
    """
    mean, square = 0.0, 0.0
    for pattern in product((True, False), repeat=min(K, n_options)):
        likely, right, left = 1.0, n_right, n_options
        for hit in pattern:
            likely *= (right if hit else left - right) / left
            right, left = right - hit, left - 1
        value = average_precision(pattern, n_right)
        mean, square = mean + likely * value, square + likely * value**2
    return mean, square
