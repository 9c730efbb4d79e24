import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.evidence.fusion import fuse_passages, reciprocal_rank_fusion
from llmexam.exam.question import Passage

rankings = st.lists(st.lists(st.integers(0, 9), unique=True, max_size=8), max_size=5)


def test_hand_worked_scores():
    fused = reciprocal_rank_fusion([["a", "b", "c"], ["c", "a"]])
    assert [item for item, _ in fused] == ["a", "c", "b"]
    assert fused[0][1] == pytest.approx(1 / 61 + 1 / 62)
    assert fused[1][1] == pytest.approx(1 / 63 + 1 / 61)
    assert reciprocal_rank_fusion([]) == []


def test_ties_go_by_first_appearance_and_repeats_count_once():
    assert [i for i, _ in reciprocal_rank_fusion([["b"], ["a"]])] == ["b", "a"]
    assert reciprocal_rank_fusion([["a", "a"]]) == [("a", 1 / 61)]


@given(rankings)
def test_laws(lists: list[list[int]]):
    fused = reciprocal_rank_fusion(lists)
    scores = dict(fused)
    assert set(scores) == {item for one in lists for item in one}
    assert [score for _, score in fused] == sorted(scores.values(), reverse=True)
    assert dict(reciprocal_rank_fusion(lists[::-1])) == pytest.approx(scores)
    # What stands above another in every ranking stands above it in the end.
    for one in scores:
        for other in scores:
            if (
                all(
                    one in ranking
                    and (other not in ranking or ranking.index(one) < ranking.index(other))
                    for ranking in lists
                )
                and one != other
            ):
                assert scores[one] > scores[other]


@given(st.lists(st.integers(), unique=True, max_size=10))
def test_one_ranking_keeps_its_order(ranking: list[int]):
    assert [item for item, _ in reciprocal_rank_fusion([ranking])] == ranking


def test_passages_are_joined_by_id_and_text():
    one, two = Passage("x", "", "1", 9.0), Passage("y", "", "2", 8.0)
    fused = fuse_passages([[one, two], [Passage("y", "", "2", 0.3)]], 1)
    assert [(p.id, p.text) for p in fused] == [("2", "y")]
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)
