import numpy as np
import pytest

from llmexam.exam.question import Question
from llmexam.solvers.causal_lm.asking import Judged, Letters, Options, Pairs, YesNo
from llmexam.solvers.prompts.template import read_template

QUESTION = Question("q", "Which?", ("one", "two", "three", "four"), answer=2)


def heard(*rows):
    return [np.array([[value, 1.0] for value in row]) for row in rows]


def test_rotations_bring_scores_back_to_their_options():
    asking = Letters(read_template("letters"), n_rotations=4, calibrate=False)
    asks = asking.asks(QUESTION)
    orders = [[o["text"] for o in ask.names["options"]] for ask in asks]
    assert orders[0] == list(QUESTION.options)
    assert len({tuple(order) for order in orders}) == 4
    # A model that knows that "three" is right, wherever it stands.
    knows = heard(*[[0.0 if text == "three" else -4.0 for text in order] for order in orders])
    scores = asking.scores(QUESTION, knows, [])
    assert scores.argmax() == 2
    assert np.ptp(np.delete(scores, 2)) < 1e-12
    # A model that only likes A: all rotations together say nothing.
    likes = heard(*[[0.0, -4.0, -4.0, -4.0]] * 4)
    assert np.ptp(asking.scores(QUESTION, likes, [])) < 1e-12


def test_two_rotations_of_four_move_by_two():
    asking = Letters(read_template("letters"), n_rotations=2, calibrate=False)
    second = asking.asks(QUESTION)[1]
    assert [o["text"] for o in second.names["options"]] == ["three", "four", "one", "two"]


def test_calibration_takes_away_what_letters_get_anyway():
    asking = Letters(read_template("letters"), n_rotations=1, calibrate=True)
    (free,) = asking.content_free(QUESTION)
    assert {o["text"] for o in free.names["options"]} == {"N/A"}
    bias = [-1.0, -2.0, -3.0, -4.0]
    knows = heard([b + (1.0 if i == 2 else 0.0) for i, b in enumerate(bias)])
    scores = asking.scores(QUESTION, knows, heard(bias))
    assert scores.argmax() == 2
    assert np.exp(scores).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ("sum", [-6.0, -6.0, -10.0, -8.0]),
        ("token", [-6.0, -3.0, -5.0, -2.0]),
        ("byte", [-2.0, -2.0, -2.0, -2.0]),
        ("pmi", [-5.0, -4.0, -7.0, -4.0]),
    ],
)
def test_norms_of_option_texts(norm, expected):
    asking = Options(read_template("options"), norm)
    found = [np.array([[-6.0, 1], [-6.0, 2], [-10.0, 2], [-8.0, 4]])]
    free = heard([-1.0, -2.0, -3.0, -4.0]) if norm == "pmi" else []
    assert len(asking.content_free(QUESTION)) == len(free)
    assert asking.scores(QUESTION, found, free).tolist() == expected


def test_bytes_are_counted_not_letters():
    question = Question("q", "Which?", ("éé", "ab"))
    asking = Options(read_template("options"), "byte")
    assert asking.scores(question, heard([-4.0, -4.0]), []).tolist() == [-1.0, -2.0]


def test_yes_and_no_make_odds():
    asking = YesNo(read_template("yes_no"))
    assert [ask.names["option"] for ask in asking.asks(QUESTION)] == list(QUESTION.options)
    assert asking.asks(QUESTION)[0].answers == (" yes", " no")
    scores = asking.scores(QUESTION, heard([-1, -3], [-2, -2], [-3, -1], [0, -9]), [])
    assert scores.tolist() == [2, 0, -2, 9]


def test_a_head_judges_each_option():
    asking = Judged(read_template("binary_head"))
    asks = asking.asks(QUESTION)
    assert [ask.names["option"] for ask in asks] == list(QUESTION.options)
    assert {ask.answers for ask in asks} == {()}
    assert asking.scores(QUESTION, heard([1.5], [-2], [3], [0]), []).tolist() == [1.5, -2, 3, 0]
    ask, answer = asking.example(QUESTION)
    assert (ask.names["option"], answer) == ("three", "")


def test_pairs_are_asked_in_both_orders():
    asking = Pairs(read_template("pairs"))
    asks = asking.asks(QUESTION)
    assert len(asks) == 12
    pairs = [tuple(o["text"] for o in ask.names["options"]) for ask in asks]
    assert len(set(pairs)) == 12
    strength = {"one": 0.0, "two": 3.0, "three": 5.0, "four": 1.0}
    # The first place is worth 2 to this model.
    found = heard(*[[strength[a] - strength[b] + 2.0, 0.0] for a, b in pairs])
    scores = asking.scores(QUESTION, found, [])
    expected = [np.mean([strength[a] - strength[b] for b in strength if b != a]) for a in strength]
    np.testing.assert_allclose(scores, expected)


@pytest.mark.parametrize(
    "asking",
    [
        Letters(read_template("letters"), 1, False),
        Options(read_template("options"), "sum"),
        YesNo(read_template("yes_no")),
        Pairs(read_template("pairs")),
    ],
    ids=["letters", "options", "yes-no", "pairs"],
)
def test_an_example_shows_what_is_so(asking):
    seen = set()
    for i in range(20):
        ask, answer = asking.example(Question(f"q{i}", "Which?", QUESTION.options, answer=2))
        assert answer in ask.answers
        seen.add(answer)
        if isinstance(asking, YesNo):
            assert (ask.names["option"] == "three") == (answer == " yes")
        elif isinstance(asking, Options):
            assert answer == " three"
        else:
            place = "ABCD".index(answer.strip())
            assert ask.names["options"][place]["text"] == "three"
    # Neither yes nor a first place is suggested by examples that are all alike.
    assert len(seen) == (2 if isinstance(asking, YesNo | Pairs) else 1)
