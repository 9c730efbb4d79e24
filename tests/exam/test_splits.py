from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.splits import k_folds, largest_remainder, split_exam


def make(answers, groups=None):
    return Exam(
        tuple(
            Question(
                str(i),
                f"prompt {i}",
                tuple("abcde"),
                answer,
                metadata={} if groups is None else {"topic": str(groups[i])},
            )
            for i, answer in enumerate(answers)
        )
    )


def sizes(parts):
    return [len(part) for part in (parts.values() if isinstance(parts, dict) else parts)]


def test_largest_remainder_by_hand():
    # 7 x (0.5, 0.25, 0.25) = 3.5, 1.75, 1.75: the two .75 go up first.
    assert largest_remainder([0.5, 0.25, 0.25], 7).tolist() == [3, 2, 2]
    assert largest_remainder([0.7, 0.15, 0.15], 200).tolist() == [140, 30, 30]
    assert largest_remainder([1, 1, 1], 10).tolist() == [4, 3, 3]
    assert largest_remainder([0.5, 0.5], 0).tolist() == [0, 0]


def test_answers_are_spread_as_in_the_whole():
    parts = split_exam(make([i % 5 for i in range(200)]), seed=3)
    assert sizes(parts) == [140, 30, 30]
    for part in parts.values():
        counts = Counter(int(i) % 5 for i in part)
        assert set(counts.values()) == {len(part) // 5}


def test_same_seed_same_parts_other_seed_other_parts():
    exam = make([0] * 50)
    first, again, other = (split_exam(exam, seed=seed)["test"].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_equal_prompts_stay_together():
    questions = [
        Question(str(i), ["What is X?", "what is  x", "Why?"][i % 3], ("x", "y"), 0)
        for i in range(30)
    ]
    folds = k_folds(Exam(tuple(questions)), 2, group_by="prompt")
    assert sorted(sizes(folds)) == [10, 20]


@settings(max_examples=100, deadline=None)
@given(
    answers=st.lists(st.sampled_from([0, 0, 1, 2, 4, None]), min_size=4, max_size=80),
    n_folds=st.integers(2, 4),
    seed=st.integers(0, 5),
)
def test_folds_are_even_and_strata_too(answers, n_folds, seed):
    folds = k_folds(make(answers), n_folds, seed=seed)
    assert sorted(int(i) for fold in folds for i in fold) == list(range(len(answers)))
    assert max(sizes(folds)) - min(sizes(folds)) <= 1
    for answer in set(answers):
        counts = [sum(answers[i] == answer for i in fold) for fold in folds]
        assert max(counts) - min(counts) <= 2


@settings(max_examples=100, deadline=None)
@given(
    answers=st.lists(st.integers(0, 4), min_size=20, max_size=120),
    weights=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    seed=st.integers(0, 5),
)
def test_split_laws(answers, weights, seed):
    shares = {f"p{i}": weight / sum(weights) for i, weight in enumerate(weights)}
    exam = make(answers)
    expected = largest_remainder(list(shares.values()), len(answers))
    assume(expected.min() > 0)
    parts = split_exam(exam, shares, seed=seed)
    assert sizes(parts) == expected.tolist()
    assert sorted(int(i) for part in parts.values() for i in part) == list(range(len(answers)))
    for answer in set(answers):
        for name, part in parts.items():
            wanted = shares[name] * answers.count(answer)
            assert abs(sum(answers[i] == answer for i in part) - wanted) < 3
    assert all((np.diff(part) > 0).all() for part in parts.values())


@settings(max_examples=100, deadline=None)
@given(
    groups=st.lists(st.integers(0, 12), min_size=6, max_size=60),
    seed=st.integers(0, 5),
)
def test_groups_never_straddle(groups, seed):
    assume(len(set(groups)) >= 3)
    exam = make([g % 5 for g in groups], groups)
    folds = k_folds(exam, 3, seed=seed, group_by="topic")
    homes = [{groups[i] for i in fold} for fold in folds]
    assert sum(map(len, homes)) == len(set(groups))
    assert sum(sizes(folds)) == len(groups)


def test_big_groups_leave_less_to_the_singles():
    groups = [0] * 6 + list(range(1, 5))
    parts = split_exam(make([0] * 10, groups), {"a": 0.5, "b": 0.5}, group_by="topic")
    assert sorted(sizes(parts)) == [4, 6]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: split_exam(e, {"a": 0.5, "b": 0.6}), "add up to 1"),
        (lambda e: split_exam(e, {"a": 1.0, "b": 0.0}), "add up to 1"),
        (lambda e: split_exam(e, {"a": float("nan")}), "add up to 1"),
        (lambda e: split_exam(e, {"a": 0.99, "b": 0.01}), "part 'b' of 4 questions"),
        (lambda e: split_exam(e, group_by="topik"), "metadata 'topik'.*Did you mean 'topic'"),
        (lambda e: split_exam(e, stratify="x"), "metadata 'x'"),
        (lambda e: k_folds(e, 1), "expected at least 2 folds, got 1"),
        (lambda e: k_folds(e, 5), "cannot make 5 folds of 4 questions"),
        (lambda e: k_folds(Exam(()), 2), "of 0 questions"),
    ],
)
def test_faults(call, words):
    with pytest.raises(ExamError, match=words):
        call(make([0, 1, 2, 3], [0, 0, 1, 1]))
