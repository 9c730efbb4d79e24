from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.errors import ExamError
from llmexam.recovery.making.pairs import draw_pairs


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 3), st.data())
def test_pairs_are_distinct_balanced_and_continue_smaller_draws(n_texts, n_prompts, seed, data):
    texts, prompts = [f"t{i}" for i in range(n_texts)], [f"p{i}" for i in range(n_prompts)]
    n = data.draw(st.integers(1, n_texts * n_prompts))
    pairs = draw_pairs(texts, prompts, n, seed=seed)
    assert len({(pair.text, pair.prompt) for pair in pairs}) == n
    assert [pair.number for pair in pairs] == list(range(1, n + 1))
    of_text = Counter(pair.text for pair in pairs)
    assert max(of_text.values()) - min(of_text.get(text, 0) for text in texts) <= 1
    assert draw_pairs(texts, prompts, n // 2 or 1, seed=seed) == pairs[: n // 2 or 1]


def test_each_prompt_is_used_equally_often():
    texts, prompts = [f"t{i}" for i in range(50)], [f"p{i}" for i in range(20)]
    counts = Counter(pair.prompt for pair in draw_pairs(texts, prompts, 210))
    assert set(counts.values()) == {10, 11}
    first = Counter(pair.prompt for pair in draw_pairs(texts, prompts, 20))
    assert set(first.values()) == {1}


def test_the_seed_decides():
    texts, prompts = [f"t{i}" for i in range(9)], [f"p{i}" for i in range(9)]
    assert draw_pairs(texts, prompts, 9) != draw_pairs(texts, prompts, 9, seed=1)


def test_more_pairs_than_there_are_is_an_error():
    with pytest.raises(ExamError, match=r"expected 1 to 4 rows from 2 texts and 2 prompts, got 5"):
        draw_pairs(["a", "b"], ["x", "y"], 5)
