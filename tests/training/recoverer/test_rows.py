import numpy as np
import pytest

from llmexam.training.base.losses import NO_LABEL
from llmexam.training.recoverer.rows import collate, split_by_tokens
from llmexam.training.rewrites.examples import Example


@pytest.mark.parametrize("limit", [1, 300, 1000, 10**6])
def test_passes_keep_rows_limit_and_little_padding(limit):
    lengths = np.sort(np.random.default_rng(0).integers(20, 400, size=60))[::-1].tolist()
    passes = split_by_tokens(lengths, limit)
    assert [row for one in passes for row in one] == list(range(60))
    for one in passes:
        own = lengths[one.start : one.stop]
        assert len(own) == 1 or len(own) * max(own) <= limit
        assert sum(own) >= 0.9 * len(own) * max(own)
    assert (len(passes) == 60) == (limit == 1)


def test_no_rows_are_no_passes():
    assert split_by_tokens([], 10) == []


def test_rows_are_padded_at_the_end_and_fillers_have_no_targets():
    examples = [Example(np.array([5, 6, 7, 8]), 2), Example(np.array([5, 9]), 1)]
    made = collate(examples, [True, False], pad_id=0)
    assert made["input_ids"].tolist() == [[5, 6, 7, 8], [5, 9, 0, 0]]
    assert made["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    # The states of 6 and 7 predict 7 and 8; that of the 5 in the second row predicts 9.
    assert made["at"].tolist() == [1, 2, 4]
    assert made["targets"].tolist() == [7, 8, NO_LABEL]
