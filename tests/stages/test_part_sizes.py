"""Sizes of the parts in which results are kept."""

import pytest

from llmexam.stages.part_sizes import PART_SECONDS, next_size


@pytest.mark.parametrize(
    ("size", "n", "seconds", "expected"),
    [
        (4, 4, PART_SECONDS, 4),
        (4, 4, PART_SECONDS / 2, 8),
        (4, 4, 0.0, 16),
        (8, 2, PART_SECONDS, 2),
        (8, 8, 1000 * PART_SECONDS, 1),
    ],
)
def test_the_next_part_takes_the_time_of_a_part(size, n, seconds, expected):
    assert next_size(size, n, seconds) == expected
