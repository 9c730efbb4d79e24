import pytest

from llmexam.exam.audit.balance import check_balance, letter_shares, measure_balance
from llmexam.exam.question import Question


def rows(answers, options=("aa", "bb", "cc", "dd", "ee")):
    return [(i, Question(str(i), "p", options, answer)) for i, answer in enumerate(answers, 1)]


def test_shares_and_expected_shares_with_mixed_option_counts():
    mixed = [
        (1, Question("1", "p", ("x", "y"), 0)),
        (2, Question("2", "p", ("x", "y", "z", "w"), 3)),
        (3, Question("3", "p", ("x", "y"), None)),
    ]
    shares, p_value = letter_shares(mixed)
    assert [(one.letter, one.n_answers, one.share) for one in shares] == [
        ("A", 1, 0.5),
        ("B", 0, 0.0),
        ("C", 0, 0.0),
        ("D", 1, 0.5),
    ]
    # (1/2 + 1/4) / 2 for the places that both have, (0 + 1/4) / 2 for the others.
    assert [one.expected for one in shares] == [0.375, 0.375, 0.125, 0.125]
    assert 0 < p_value <= 1


def test_p_value_agrees_with_the_exact_one():
    # Five answers on one place of two: by chance 2 of 32 exams are as uneven.
    _, p_value = letter_shares(rows([0] * 5, ("xx", "yy")))
    assert p_value == pytest.approx(2 / 32, abs=0.01)
    _, even = letter_shares(rows([0, 1, 2, 3, 4] * 4))
    assert even == 1.0


def test_skew_is_flagged_and_an_even_spread_is_not():
    skewed = list(check_balance(measure_balance(rows([0] * 30 + [1, 2, 3, 4] * 5))))
    assert [finding.check for finding in skewed] == ["skewed answers"]
    assert "A 60.0%" in skewed[0].message
    assert list(check_balance(measure_balance(rows([0, 1, 2, 3, 4] * 10)))) == []


def test_length_leak_by_hand():
    # Options by length: C, B, A. Answers C, B, A earn 1, 1/2, 1/3.
    balance = measure_balance(rows([2, 1, 0], ("x", "xx", "xxx")))
    assert balance.leak.map_at_3 == pytest.approx(11 / 18)
    assert balance.leak.accuracy == pytest.approx(1 / 3)
    assert balance.leak.chance_map_at_3 == pytest.approx(11 / 18)
    assert balance.leak.chance_accuracy == pytest.approx(1 / 3)
    # Of five options the fourth longest earns nothing; chance is 11/30.
    balance = measure_balance(rows([1], ("x", "xx", "xxx", "xxxx", "xxxxx")))
    assert balance.leak.map_at_3 == 0
    assert balance.leak.chance_map_at_3 == pytest.approx(11 / 30)


def test_two_options_have_a_chance_of_three_quarters():
    assert measure_balance(rows([0], ("x", "xx"))).leak.chance_map_at_3 == pytest.approx(0.75)


def test_an_answer_that_is_always_longest_is_flagged():
    longest_moves = [
        (i, Question(str(i), "p", tuple("xxxx" if j == i % 5 else "x" for j in range(5)), i % 5))
        for i in range(50)
    ]
    findings = list(check_balance(measure_balance(longest_moves)))
    assert [finding.check for finding in findings] == ["option-length bias"]
    assert "MAP@3 1.000 (chance 0.367)" in findings[0].message


def test_a_few_lucky_answers_are_not_flagged():
    # 4 of 10 right by length: chance is 2, its standard error 1.26.
    few = [
        (i, Question(str(i), "p", ("xx", "x", "x", "x", "x"), 0 if i <= 4 else 1 + i % 4))
        for i in range(1, 11)
    ]
    balance = measure_balance(few)
    assert balance.leak.accuracy == 0.4
    assert not balance.leak_is_clear


def test_without_answers_there_is_nothing_to_say():
    balance = measure_balance(rows([None, None]))
    assert (balance.letters, balance.skew_p_value, balance.leak) == ((), None, None)
    assert list(check_balance(balance)) == []
    assert measure_balance([]).leak is None


def several(n, *right, options=("aa", "bb", "cc", "dd")):
    return [(i, Question(str(i), "p", options, right[0], right=right)) for i in range(1, n + 1)]


@pytest.mark.parametrize("n", [60, 200])  # drawn one by one, and by the normal limit
def test_letters_of_several_right_options_count_all_of_them(n):
    shares, p_value = letter_shares(several(n, 0, 1))
    assert [(one.n_answers, one.share, one.expected) for one in shares] == [
        (n, 0.5, 0.25),
        (n, 0.5, 0.25),
        (0, 0.0, 0.25),
        (0, 0.0, 0.25),
    ]
    assert p_value < 0.001
    even = several(n // 2, 0, 1) + several(n // 2, 2, 3)
    assert letter_shares(even)[1] == 1.0


def test_the_longest_option_among_several_right_ones():
    leak = measure_balance(several(40, 0, 2, options=("a" * 9, "b", "c" * 8, "d"))).leak
    assert (leak.map_at_3, leak.accuracy, leak.chance_accuracy) == (1.0, 1.0, 0.5)
    # By hand: P(1) = 1/2, then (1 + 1/3) / 2 / 2 and (1 + 2/3) / 3 / 2 of the two ranks behind.
    assert leak.chance_map_at_3 == pytest.approx((1 + 2 / 3 + 5 / 9) / 4)
