import logging

import numpy as np
import pytest

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.cascade.certainty import certainty, least_certain, log_probabilities
from llmexam.solvers.cascade.solver import CascadeSettings, CascadeSolver, SecondOpinions
from llmexam.solvers.registry import create_solver
from llmexam.solvers.scoring import solve
from llmexam.testing import ConstantSolver, FakeSettings, NoisySolver, check_solver

SPECS = {"first": "longest", "second": "first"}


class Counting(NoisySolver):
    """Remembers which questions it was given, call by call."""

    def __init__(self, settings=None, clock=None, seconds=0.0):
        super().__init__(settings)
        self.calls = []
        self._clock, self._seconds = clock, seconds

    def score(self, questions):
        self.calls.append([q.id for q in questions])
        if self._clock is not None:
            self._clock.now += self._seconds * len(questions)
        return super().score(questions)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def make_questions(n):
    return [
        Question(f"q{i}", f"Which is {i}?", tuple(f"{i} {letter}" for letter in "ABCDE"), i % 5)
        for i in range(n)
    ]


def make(first, second, **settings):
    made = CascadeSolver(CascadeSettings.parse({**SPECS, **settings}, subject="cascade"))
    return made.with_members({"first": first, "second": second})


@pytest.mark.parametrize("measure", ["margin", "entropy"])
def test_the_second_gets_the_least_certain_share_once(measure):
    questions = make_questions(50)
    first, second = Counting(FakeSettings(skill=2)), Counting(FakeSettings(skill=9, seed=1))
    cascade = make(first, second, share=0.3, certainty=measure)
    found = cascade.score(questions)
    assert first.calls == [[q.id for q in questions]]
    assert len(second.calls) == 1
    (asked,) = second.calls
    assert len(asked) == len(set(asked)) == 15
    sure = {
        q.id: certainty(log_probabilities(row, 1.0), measure)
        for q, row in zip(questions, first.score(questions).rows(), strict=True)
    }
    assert max(sure[name] for name in asked) <= min(
        sure[q.id] for q in questions if q.id not in asked
    )
    assert cascade.last == SecondOpinions(50, 15, 15)
    places = {q.id: i for i, q in enumerate(questions)}
    expected = {
        name: (second if name in asked else first).score([questions[places[name]]]).rows()[0]
        for name in places
    }
    for name, row in zip(found.question_ids, found.rows(), strict=True):
        np.testing.assert_allclose(row, log_probabilities(expected[name], 1.0), atol=1e-5)
    np.testing.assert_allclose(np.exp(found.values).sum(axis=1), 1, atol=1e-5)


def test_a_run_gives_it_the_whole_exam():
    questions = make_questions(150)
    first, second = Counting(), Counting()
    solve(Exam(tuple(questions)), make(first, second, share=0.1))
    assert [len(call) for call in first.calls] == [150]
    assert [len(call) for call in second.calls] == [15]


def test_under_a_budget_the_least_certain_come_first_and_nothing_is_lost(caplog):
    clock = Clock()
    questions = make_questions(40)
    first = Counting(FakeSettings(skill=1), clock, 0.1)
    second = Counting(FakeSettings(skill=9, seed=1), clock, 2.0)
    cascade = make(first, second, share=0.5, time_budget=30, batch_size=4)
    cascade._clock = clock
    with caplog.at_level(logging.WARNING):
        found = cascade.score(questions)
    # 4 s for the first; 8 s a batch: three end at 28 s, a fourth would end at 36 s.
    assert [len(call) for call in second.calls] == [4, 4, 4]
    assert clock.now == pytest.approx(28)
    assert cascade.last == SecondOpinions(40, 20, 12)
    assert "'first' rescored 12 of 20 selected" in caplog.text
    whole = make(first, second, share=0.5).score(questions)
    asked = {name for call in second.calls[:3] for name in call}
    for name, row, full in zip(found.question_ids, found.rows(), whole.rows(), strict=True):
        if name in asked:
            np.testing.assert_array_equal(row, full)
    assert second.calls[3][:12] == [name for call in second.calls[:3] for name in call]
    assert np.isfinite(found.values).all()
    assert len(found) == 40


def test_no_time_at_all_leaves_the_first_solvers_scores(caplog):
    clock = Clock()
    questions = make_questions(10)
    first, second = Counting(None, clock, 5.0), Counting(None, clock, 1.0)
    cascade = make(first, second, share=1, time_budget=20)
    cascade._clock = clock
    found = cascade.score(questions)
    assert second.calls == []
    np.testing.assert_array_equal(found.ranking, first.score(questions).ranking)
    assert cascade.last == SecondOpinions(10, 10, 0)


def test_explaining_asks_nobody_again_and_says_who_decided():
    questions = make_questions(10)
    first, second = Counting(), Counting(FakeSettings(seed=1))
    cascade = make(first, second, share=0.3)
    cascade.score(questions)
    notes = [e.options[0].note for e in cascade.explain(questions)]
    assert (len(first.calls), len(second.calls)) == (1, 1)
    asked = set(second.calls[0])
    for question, note in zip(questions, notes, strict=True):
        expected = "first, because longest was uncertain" if question.id in asked else "longest"
        assert note.startswith(f"{expected} (certainty ")


def test_a_weight_below_one_mixes_both():
    questions = make_questions(4)
    first, second = NoisySolver(FakeSettings(seed=1)), NoisySolver(FakeSettings(seed=2))
    found = make(first, second, share=1, weight=0.25, second_temperature=2).score(questions)
    for i, row in enumerate(found.rows()):
        one = log_probabilities(first.score(questions).rows()[i], 1)
        other = log_probabilities(second.score(questions).rows()[i], 2)
        mixed = 0.75 * one + 0.25 * other
        np.testing.assert_allclose(row, mixed - np.log(np.exp(mixed).sum()), atol=1e-5)


def test_equally_certain_questions_are_chosen_whatever_their_places():
    questions = make_questions(30)
    second = Counting()
    make(ConstantSolver(), second, share=0.2).score(questions)
    make(ConstantSolver(), second, share=0.2).score(questions[::-1])
    assert second.calls[0] == second.calls[1]
    assert len(second.calls[0]) == 6


@pytest.mark.parametrize(("share", "n"), [(0, 0), (0.07, 7), (0.071, 8), (1, 100)])
def test_a_share_is_rounded_up_and_exact(share, n):
    questions = make_questions(100)
    assert len(least_certain(questions, [0.5] * 100, share=share, threshold=None)) == n
    assert least_certain(questions, [0.5] * 100, share=share, threshold=0.5) == []


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 0.4, "share": 1}, pytest.param({"share": 0}, marks=pytest.mark.slow)],
)
def test_with_a_threshold_it_keeps_the_whole_contract(settings):
    values = {"first": "lexical", "second": {"longest": {}}, **settings}
    solver = create_solver("cascade", values)
    assert solver.describe().members
    check_solver(lambda: create_solver("cascade", values), tolerance=1e-6)


def test_options_of_one_and_truncation():
    class Cut(ConstantSolver):
        def score(self, questions):
            found = super().score(questions)
            return ScoreMatrix(found.question_ids, found.values, found.present, ~found.truncated)

    questions = make_questions(10)
    found = make(NoisySolver(), Cut(), share=0.5).score(questions)
    assert found.truncated.sum() == 5
    assert make(Cut(), NoisySolver(), share=0.5).score(questions).truncated.sum() == 5
    assert make(Cut(), NoisySolver(), share=0.5, weight=0.5).score(questions).truncated.all()


def test_settings_are_checked():
    with pytest.raises(SettingsError, match="share"):
        create_solver("cascade", {**SPECS, "share": 1.5})
    with pytest.raises(SettingsError, match="unknown solver 'lexial'"):
        create_solver("cascade", {"first": "lexial", "second": "first"}).score(make_questions(1))
