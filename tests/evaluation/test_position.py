import numpy as np
import pytest

from llmexam.errors import ExamError, ScoreError
from llmexam.evaluation.position import audit_positions, rotate
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix

EXAM = Exam(
    (
        Question("one", "?", ("a", "bb", "ccc", "dddd"), 3),
        Question("two", "?", ("aaaa", "bbb", "cc", "d"), 0),
        Question("short", "?", ("aaa", "b"), 1),
    )
)


def by_length(questions):
    return ScoreMatrix.from_rows(
        [q.id for q in questions], [[len(o) for o in q.options] for q in questions]
    )


def by_place(questions):
    return ScoreMatrix.from_rows(
        [q.id for q in questions], [[-j for j in range(len(q.options))] for q in questions]
    )


def test_rotation_moves_options_and_answer():
    turned = rotate(EXAM[0], 1)
    assert turned.options == ("bb", "ccc", "dddd", "a")
    assert turned.answer == 2
    assert rotate(EXAM[0], 4) == EXAM[0]


def test_a_solver_that_reads_the_options_does_not_change():
    found = audit_positions(by_length, EXAM)
    assert found.n_rotations == 4
    assert found.values == pytest.approx([(1 + 1 + 1 / 2) / 3] * 4)
    assert (found.spread, found.n_changed, found.n_questions) == (0.0, 0, 3)


def test_a_solver_that_likes_the_first_place_is_found_out():
    found = audit_positions(by_place, EXAM)
    # Right places under each rotation: D A B, C D A, B C B, A B A.
    by_hand = [(0 + 1 + 1 / 2), (1 / 3 + 0 + 1), (1 / 2 + 1 / 3 + 1 / 2), (1 + 1 / 2 + 1)]
    assert found.values == pytest.approx([total / 3 for total in by_hand])
    assert found.spread == pytest.approx((2.5 - 4 / 3) / 3)
    assert found.n_changed == 3


def test_scores_that_are_there_are_not_made_again():
    asked = []

    def score(questions):
        asked.append([q.options[0] for q in questions])
        return by_length(questions)

    audit_positions(score, EXAM, by_length(EXAM.questions))
    # The question of two options has gone full circle after one rotation.
    assert asked == [["bb", "bbb", "b"], ["ccc", "cc"], ["dddd", "d"]]


def test_the_result_is_that_of_scoring_every_rotated_exam():
    rng = np.random.default_rng(0)
    table = {option: rng.normal() for q in EXAM for option in q.options}

    def score(questions):  # partly the text, partly the place
        rows = [[table[o] - 0.7 * j for j, o in enumerate(q.options)] for q in questions]
        return ScoreMatrix.from_rows([q.id for q in questions], rows)

    from llmexam.evaluation.metrics import map_at_k

    expected = []
    for shift in range(4):
        turned = Exam(tuple(rotate(q, shift % len(q.options)) for q in EXAM))
        expected.append(map_at_k(score(turned.questions).ranking, turned.answers))
    assert audit_positions(score, EXAM).values == pytest.approx(expected)


def test_a_silent_solver_is_not_blamed_for_the_tie_rule():
    def silent(questions):
        rows = [[0.0] * len(q.options) for q in questions]
        return ScoreMatrix.from_rows([q.id for q in questions], rows)

    found = audit_positions(silent, EXAM)
    assert (found.spread, found.n_changed) == (0.0, 0)


def test_other_questions_or_options_under_a_rotation_are_an_error():
    def other(questions):
        return ScoreMatrix.from_rows(["x"] * len(questions), [[0, 1]] * len(questions))

    with pytest.raises(ScoreError, match="other question ids under rotation 1"):
        audit_positions(other, EXAM, by_length(EXAM.questions))

    def fewer(questions):
        return ScoreMatrix.from_rows([q.id for q in questions], [[0, 1]] * len(questions))

    with pytest.raises(ScoreError, match="'one' has 4 options under rotation 1"):
        audit_positions(fewer, EXAM, by_length(EXAM.questions))


def test_an_exam_without_answers_cannot_be_audited():
    with pytest.raises(ExamError, match="no answer"):
        audit_positions(by_length, Exam((Question("q", "?", ("a", "b")),)))
