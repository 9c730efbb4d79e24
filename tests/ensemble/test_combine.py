import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.ensemble.combine import METHODS, combine
from llmexam.errors import ScoreError, SettingsError
from llmexam.exam.scores import ScoreMatrix


def matrix(rows, truncated=None):
    return ScoreMatrix.from_rows([f"q{i}" for i in range(len(rows))], rows, truncated)


@st.composite
def members(draw, min_members=1):
    """Members with whole scores over the same questions of different length."""
    lengths = draw(st.lists(st.integers(2, 5), min_size=1, max_size=4))
    n = draw(st.integers(min_members, 4))
    return {
        f"m{i}": matrix(
            [
                draw(st.lists(st.integers(-9, 9).map(float), min_size=length, max_size=length))
                for length in lengths
            ]
        )
        for i in range(n)
    }


def test_mean_z_by_hand():
    found = combine({"a": matrix([[0, 1]]), "b": matrix([[5, 3]])}, weights={"a": 3, "b": 1})
    # z-scores are (-1, 1) and (1, -1); shares 3/4 and 1/4.
    assert found.values.tolist() == [[-0.5, 0.5]]


def test_mean_softmax_by_hand():
    a, b = matrix([[np.log(3), 0]]), matrix([[0, np.log(9)]])
    found = combine({"a": a, "b": b}, "mean-softmax")
    # Probabilities (3/4, 1/4) and (1/10, 9/10).
    assert np.exp(found.values[0]) == pytest.approx([0.425, 0.575])
    sharp = combine({"a": a, "b": b}, "mean-softmax", temperature=0.5)
    assert np.exp(sharp.values[0]) == pytest.approx([(9 / 10 + 1 / 82) / 2, (1 / 10 + 81 / 82) / 2])


def test_rank_fusion_by_hand():
    found = combine({"a": matrix([[3, 2, 1]]), "b": matrix([[1, 3, 2]])}, "rank-fusion")
    expected = [1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62]
    assert found.values[0] == pytest.approx(np.array(expected) / 2)


def test_vote_by_hand():
    found = combine({"a": matrix([[3, 2, 1]]), "b": matrix([[2, 2, 1]])}, "vote")
    # b's first two share rank 1.5.
    assert found.values[0] == pytest.approx([(1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2, 1 / 3])


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=12, deadline=None)
@given(members(min_members=2), st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(method, case, random):
    names = list(case)
    weights = {name: i + 1.0 for i, name in enumerate(names)}
    random.shuffle(names)
    found = combine({name: case[name] for name in names}, method, weights)
    assert found.values.tolist() == combine(case, method, weights).values.tolist()


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=12, deadline=None)
@given(members())
def test_one_member_alone_keeps_its_ranking(method, case):
    only = case["m0"]
    found = combine({"m0": only}, method)
    assert found.ranking.tolist() == only.ranking.tolist()
    assert found.present.tolist() == only.present.tolist()


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=12, deadline=None)
@given(members(), st.integers(1, 1000))
def test_weights_count_only_against_each_other(method, case, factor):
    equal = combine(case, method)
    scaled = combine(case, method, dict.fromkeys(case, float(factor)))
    assert scaled.values == pytest.approx(equal.values, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=12, deadline=None)
@given(members(min_members=2), st.randoms(use_true_random=False))
def test_options_in_another_order_get_the_same_points(method, case, random):
    first = case["m0"].rows()
    orders = [random.sample(range(len(row)), len(row)) for row in first]
    turned = {
        name: matrix([row[order] for row, order in zip(member.rows(), orders, strict=True)])
        for name, member in case.items()
    }
    before, after = combine(case, method).rows(), combine(turned, method).rows()
    for row, moved, order in zip(before, after, orders, strict=True):
        assert moved == pytest.approx(row[order], abs=1e-6)


@settings(max_examples=12, deadline=None)
@given(members(min_members=2), st.sampled_from([0.25, 2.0, 1024.0]))
def test_mean_z_does_not_know_the_scale_of_a_member(case, scale):
    scaled = {**case, "m1": matrix([row * scale for row in case["m1"].rows()])}
    assert combine(scaled).values == pytest.approx(combine(case).values, abs=1e-6)


@pytest.mark.parametrize("method", ["mean-z", "rank-fusion", "vote"])
@settings(max_examples=12, deadline=None)
@given(members())
def test_a_question_does_not_depend_on_its_neighbours(method, case):
    alone = combine({name: member.subset([0]) for name, member in case.items()}, method)
    together = combine(case, method)
    assert alone.rows()[0].tolist() == together.rows()[0].tolist()


# In a maximum a member that says nothing still says 1/n.
@pytest.mark.parametrize("method", [m for m in METHODS if m != "max-probability"])
def test_a_silent_member_changes_no_ranking(method):
    spoken = matrix([[3, 1, 2], [1, 5]])
    silent = matrix([[0.1, 0.1, 0.1], [7, 7]])
    found = combine({"spoken": spoken, "silent": silent}, method)
    assert found.ranking.tolist() == spoken.ranking.tolist()


def test_a_member_of_weight_0_is_left_out():
    a, b = matrix([[1, 2, 3]]), matrix([[9, 1, 1]])
    for method in METHODS:
        found = combine({"a": a, "b": b}, method, {"a": 2, "b": 0})
        assert found.values.tolist() == combine({"a": a}, method).values.tolist()


def test_scores_far_apart_stay_finite():
    far = matrix([[3e38, -3e38, 0], [1e-38, 0, 0]])
    for method in METHODS:
        assert np.isfinite(combine({"a": far, "b": far}, method, temperature=1e-3).values).all()


def test_a_question_is_truncated_if_it_is_for_any_member():
    a = matrix([[1, 2], [1, 2], [1, 2]], [True, False, False])
    b = matrix([[1, 2], [1, 2], [1, 2]], [False, True, False])
    assert combine({"a": a, "b": b}).truncated.tolist() == [True, True, False]


def test_rows_are_matched_by_id():
    a = ScoreMatrix.from_rows(["x", "y"], [[1, 2], [4, 3]])
    b = ScoreMatrix.from_rows(["y", "x"], [[8, 6], [1, 5]])
    found = combine({"a": a, "b": b})
    assert found.question_ids == ("x", "y")
    assert found.values.tolist() == [[-1, 1], [1, -1]]


def test_members_of_different_exams_are_refused():
    a = matrix([[1, 2], [1, 2]])
    with pytest.raises(ScoreError, match="'b' has no scores for question 'q1'"):
        combine({"a": a, "b": a.subset([0])})
    with pytest.raises(ScoreError, match="'b' has no scores for question 'q1'"):
        combine({"b": a.subset([0]), "a": a})
    with pytest.raises(ScoreError, match="'q1' has 2 options in 'a' but 3 in 'b'"):
        combine({"a": a, "b": matrix([[1, 2], [1, 2, 3]])})
    with pytest.raises(ScoreError, match="has repeated question ids"):
        combine({"a": a, "b": a.subset([0, 1, 1])})
    with pytest.raises(ScoreError, match="no scores to combine"):
        combine({})


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"a": 1.0}, "member 'b' has no weight"),
        ({"a": 1.0, "b": 1.0, "bb": 1.0}, "weight for unknown member 'bb'. Did you mean 'b'"),
        ({"a": 1.0, "b": -1.0}, "got -1.* for 'b'"),
        ({"a": 1.0, "b": float("nan")}, "got nan for 'b'"),
        ({"a": 1.0, "b": float("inf")}, "got inf for 'b'"),
        ({"a": 0.0, "b": 0.0}, "all weights are 0"),
    ],
)
def test_weights_that_cannot_be(weights, words):
    one = matrix([[1, 2]])
    with pytest.raises(SettingsError, match=words):
        combine({"a": one, "b": one}, weights=weights)


def test_methods_and_options_that_cannot_be():
    one = {"a": matrix([[1, 2]])}
    with pytest.raises(SettingsError, match=r"unknown method 'means-z'\. Did you mean 'mean-z'"):
        combine(one, "means-z")
    with pytest.raises(SettingsError, match="temperature above 0, got 0"):
        combine(one, "mean-softmax", temperature=0)
    with pytest.raises(SettingsError, match="rank_constant of 0 or more, got -1"):
        combine(one, "rank-fusion", rank_constant=-1)


def test_no_questions_give_no_scores():
    assert len(combine({"a": matrix([])})) == 0


def test_log_linear_weighs_scores_as_they_are():
    """Member a is sure by 4, b prefers the other option by 1: a wins unless b weighs more."""
    a = ScoreMatrix.from_rows(["q"], [[4.0, 0.0, 2.0]])
    b = ScoreMatrix.from_rows(["q"], [[10.0, 11.0, 9.0]])
    found = combine({"a": a, "b": b}, "log-linear")
    # Half of (2, -2, 0) and half of (0, 1, -1).
    assert found.values.tolist() == [[1.0, -0.5, -0.5]]
    turned = combine({"a": a, "b": b}, "log-linear", {"a": 1, "b": 9})
    assert turned.ranking[0].tolist()[0] == 1


def test_the_largest_probability_decides():
    """softmax of (ln 6, ln 3, 0) is 6/10, 3/10, 1/10; of (0, 0, ln 8) 1/10, 1/10, 8/10."""
    a, b = matrix([np.log([6, 3, 1])]), matrix([np.log([1, 1, 8])])
    found = combine({"a": a, "b": b}, "max-probability")
    assert np.exp(found.values[0]) * 2 == pytest.approx([0.6, 0.3, 0.8], abs=1e-6)
    weighted = combine({"a": a, "b": b}, "max-probability", {"a": 3, "b": 1})
    assert np.exp(weighted.values[0]) * 4 == pytest.approx([1.8, 0.9, 0.8], abs=1e-6)
