import json

import numpy as np
import pytest

from llmexam.errors import ExamError, ScoreError
from llmexam.evaluation.items import analyse, read_responses
from llmexam.evaluation.items.tells import option_tells
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix


def make_exam(n=40, n_options=4, **fields):
    return Exam(
        tuple(
            Question(f"q{i}", f"Question {i}?", tuple("abcd"[:n_options]), i % n_options, **fields)
            for i in range(n)
        )
    )


def scores(exam, right, wrong=None, margin=2.0):
    """Scores with the key first where `right`, else the option after the key."""
    rows = []
    for i, question in enumerate(exam):
        place = question.answer if right[i] else (question.answer + 1) % len(question.options)
        if wrong and i in wrong:
            place = wrong[i]
        # Small differences, so that no two options are equal.
        row = [0.01 * j for j in range(len(question.options))]
        row[place] += margin
        rows.append(row)
    return ScoreMatrix.from_rows(exam.ids, rows)


@pytest.fixture(scope="module")
def panel():
    """Eight solvers of rising ability; the key of question 0 is wrong: its true answer is 2."""
    exam = make_exam()
    rng = np.random.default_rng(0)
    found = {}
    for rater, ability in enumerate((0.2, 0.3, 0.5, 0.55, 0.6, 0.75, 0.8, 0.9)):
        right = rng.random(len(exam)) < ability
        right[0] = rater < 2
        found[f"s{rater}"] = scores(exam, right, {} if rater < 2 else {0: 2})
    return exam, found


def test_a_wrong_key_is_the_first_suspect(panel):
    exam, found = panel
    analysis = analyse(read_responses(exam, found))
    first = analysis.suspects[0]
    assert (first.id, first.row, first.answer, first.other) == ("q0", 1, 0, 2)
    assert first.reasons == ("agreement", "negative discrimination")
    assert (first.n_right, first.n_other, first.n_raters) == (2, 6, 8)
    assert first.discrimination < 0
    # Two of eight solvers, the two weakest: one arrangement of 28.
    assert first.p_value == pytest.approx(1 / 28)
    assert first.support > 0


def test_difficulty_and_use_of_options(panel):
    exam, found = panel
    analysis = analyse(read_responses(exam, found))
    right = np.array([m.ranking[:, 0] == exam.answers for m in found.values()])
    assert analysis.difficulty == pytest.approx(right.mean(axis=0))
    low, high = analysis.difficulty_interval(0)
    assert low < analysis.difficulty[0] < high
    assert analysis.use.shares.sum(axis=1) == pytest.approx(np.ones(40))
    assert analysis.use.mass.sum(axis=1) == pytest.approx(np.ones(40))
    assert analysis.use.n_distractors == 120
    assert not analysis.use.unchosen[0, 2]
    assert analysis.use.unchosen[0, [1, 3]].all()


def test_the_result_is_json_and_the_limits_are_named(panel):
    exam, found = panel
    value = analyse(read_responses(exam, found)).as_dict()
    json.dumps(value, allow_nan=False)
    assert len(value["items"]) == 40
    assert value["smallest_p_value"] == pytest.approx(1 / 70)
    assert any("no p-value is below 0.014" in text for text in value["limits"])


def test_two_solvers_have_no_discrimination(panel):
    exam, found = panel
    analysis = analyse(read_responses(exam, {name: found[name] for name in ("s6", "s7")}))
    assert len(analysis.defined) == 0
    assert "cannot show discrimination" in analysis.limits[0]
    assert all(one.reasons == ("agreement",) for one in analysis.suspects)


def test_variants_of_one_solver_do_not_count_as_agreement(panel):
    exam, found = panel
    strong = {name: found[name] for name in ("s5", "s6", "s7")}
    groups = dict.fromkeys(strong, "lexical")
    analysis = analyse(read_responses(exam, strong, groups=groups))
    assert analysis.suspects == ()
    assert not any(rater.is_strong for rater in analysis.raters)


def test_weak_solvers_and_baselines_contradict_no_key(panel):
    exam, found = panel
    weak = {name: found[name] for name in ("s0", "s1")}
    assert analyse(read_responses(exam, weak)).suspects == ()
    groups = {"s6": "longest", "s7": "first"}
    strong = {name: found[name] for name in groups}
    assert analyse(read_responses(exam, strong, groups=groups)).suspects == ()


def test_undecided_solvers_and_copies_are_left_out(panel):
    exam, found = panel
    flat = ScoreMatrix.from_rows(exam.ids, [[0.0] * 4] * len(exam))
    responses = read_responses(exam, {"a": found["s7"], "flat": flat, "b": found["s7"]})
    assert responses.names == ("a",)
    assert responses.left_out == {
        "flat": "no unique best option in 100% of the questions",
        "b": "chooses the same options as a",
    }


def test_rankings_and_mixed_numbers_of_options():
    exam = Exam(
        (
            Question("a", "A?", ("x", "y"), 1),
            Question("b", "B?", ("x", "y", "z"), None),
            Question("c", "C?", ("x", "y", "z", "w"), 3),
        )
    )
    scored = ScoreMatrix.from_rows(exam.ids, [[0, 1], [0, 1, 2], [3, 0, 1, 2]])
    ranked = {"a": [0, 1], "b": [0], "c": [3]}
    responses = read_responses(exam, {"scores": scored, "letters": ranked}, rows=[10, 20, 30])
    assert responses.rows == (10, 30)
    assert responses.choices.tolist() == [[1, 0], [0, 3]]
    analysis = analyse(responses)
    assert analysis.use.is_distractor.tolist() == [[1, 0, 0, 0], [1, 1, 1, 0]]
    assert analysis.chance == pytest.approx((1 / 2 + 1 / 4) / 2)


def test_scores_of_another_exam_and_exams_without_answers_are_errors(panel):
    exam, found = panel
    with pytest.raises(ScoreError, match="do not belong"):
        read_responses(exam.subset([0, 1]), found)
    with pytest.raises(ExamError, match="no question has an answer"):
        read_responses(Exam((Question("a", "A?", ("x", "y")),)), {})


def test_tells_share_ties_and_follow_clusters():
    options = ("longest one", "b", "c", "d")
    questions = [Question(str(i), "Q?", options, 0) for i in range(20)]
    longest, shortest, first = option_tells(questions)
    assert (longest.name, longest.accuracy.value, longest.is_at_chance) == ("longest", 1.0, False)
    assert shortest.accuracy.value == 0
    assert first.chance == 0.25
    ties = [Question(str(i), "Q?", ("a", "b"), i % 2) for i in range(20)]
    assert option_tells(ties)[0].accuracy.value == 0.5
    mixed = [
        Question(str(i), "Q?", options, i // 20, metadata={"cluster": str(i // 20)})
        for i in range(40)
    ]
    wide, narrow = (
        option_tells(mixed)[0].accuracy,
        option_tells([Question(q.id, q.prompt, q.options, q.answer) for q in mixed])[0].accuracy,
    )
    assert wide.high - wide.low > narrow.high - narrow.low
    assert option_tells([Question("a", "A?", ("x", "y"))]) == ()
