import numpy as np
import pytest

from llmexam.lm.decoder.requests import Continuation, common_prefix
from llmexam.lm.decoder.trie import build_trie


def test_what_requests_share_is_there_once():
    group = [Continuation((1, 2, 3, 4, 9), 2), Continuation((1, 2, 3, 5, 9), 2)]
    trie = build_trie(group)
    assert trie.tokens.tolist() == [1, 2, 3, 4, 5]
    assert trie.depth.tolist() == [0, 1, 2, 3, 3]
    assert trie.n_trunk == 3
    assert [s.tolist() for s in trie.states] == [[1, 2, 3], [1, 2, 4]]
    assert [a.tolist() for a in trie.targets] == [[3, 4, 9], [3, 5, 9]]


def test_letters_after_one_prompt_need_no_branch():
    trie = build_trie([Continuation((7, 8, letter), 2) for letter in (3, 4, 5)])
    assert trie.tokens.tolist() == [7, 8]
    assert trie.n_branch == 0
    assert [s.tolist() for s in trie.states] == [[1], [1], [1]]


def test_a_request_that_another_goes_on_from_is_inside_its_way():
    trie = build_trie([Continuation((1, 2, 3), 1), Continuation((1, 2, 3, 4), 1)])
    assert trie.tokens.tolist() == [1, 2, 3]
    assert trie.n_trunk == 3


def test_branches_see_their_own_way_only():
    group = [
        Continuation((1, 2, 3, 4, 0), 1),
        Continuation((1, 2, 3, 5, 0), 1),
        Continuation((1, 6, 7, 0), 1),
    ]
    trie = build_trie(group)
    assert trie.tokens.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert trie.n_trunk == 1
    assert trie.branch_mask().astype(int).tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1, 1],
    ]


@pytest.mark.parametrize("seed", range(5))
def test_nodes_are_the_distinct_beginnings(seed):
    rng = np.random.default_rng(seed)
    group = [
        Continuation(tuple(rng.integers(0, 3, rng.integers(3, 9)).tolist()), 1) for _ in range(12)
    ]
    trie = build_trie(group)
    beginnings = {r.tokens[:n] for r in group for n in range(1, len(r.tokens))}
    assert trie.n_nodes == len(beginnings)
    for request, states in zip(group, trie.states, strict=True):
        assert trie.tokens[states].tolist() == list(request.tokens[:-1])


def test_the_common_prefix_stops_before_the_first_asked_for_token():
    groups = [[Continuation((1, 2, 3, 4), 3)], [Continuation((1, 2, 3, 5), 3)]]
    assert common_prefix(groups) == 2
    assert common_prefix([[Continuation((1, 2, 3, 4), 3)]]) == 2
    assert common_prefix([[Continuation((1, 2), 1)], [Continuation((3, 2), 1)]]) == 0
    assert common_prefix([]) == 0


@pytest.mark.parametrize("start", [0, 3])
def test_a_continuation_needs_something_before_and_behind(start):
    with pytest.raises(ValueError, match="at least one token before"):
        Continuation((1, 2, 3), start)
