import shutil

import pytest

from llmexam.exam.exam import Exam
from llmexam.lm.models.loading import resolve_model
from llmexam.solvers.cascade.solver import CascadeSettings, CascadeSolver
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver
from llmexam.solvers.served.usage import Usage
from llmexam.tasks.multiple_choice.scored import ScoredSolver, alike, with_scored
from llmexam.testing import NoisySolver, example_questions

QUESTIONS = example_questions()


def known(name):
    solver = create_solver(name)
    return ScoredSolver(solver, Exam(tuple(QUESTIONS)), solver.score(QUESTIONS))


@pytest.mark.parametrize("name", ["lexical", "longest"])
def test_it_is_a_solver_like_the_one_it_stands_for(name):
    assert isinstance(known(name), Solver)
    assert known(name).describe().has_features == (name == "lexical")
    assert known(name).describe().order_invariant
    solver, asked = known(name), QUESTIONS[::-1]
    assert solver.score(asked).values.tolist() == create_solver(name).score(asked).values.tolist()


def test_only_other_questions_are_scored_anew(monkeypatch):
    solver = known("longest")
    asked = []
    own = type(solver.solver).score

    def score(self, questions):
        asked.extend(questions)
        return own(self, questions)

    monkeypatch.setattr(type(solver.solver), "score", score)
    turned = QUESTIONS[1].with_option_order([4, 3, 2, 1, 0])
    found = solver.score([QUESTIONS[2], turned, QUESTIONS[0]])
    assert asked == [turned]
    expected = own(solver.solver, [QUESTIONS[2], turned, QUESTIONS[0]])
    assert found.question_ids == expected.question_ids
    assert [r.tolist() for r in found.rows()] == [r.tolist() for r in expected.rows()]


@pytest.mark.needs("encoders")
def test_solvers_are_alike_if_their_scores_are(tmp_path):
    plain = create_solver("lexical")
    assert alike(plain, create_solver("lexical", {"n_supports": 1}))
    assert not alike(plain, create_solver("lexical", {"reach": 3}))
    assert not alike(plain, create_solver("longest"))
    shutil.copytree(resolve_model().path, tmp_path / "copy")
    moved = create_solver("bi-encoder", {"model": str(tmp_path / "copy")})
    assert alike(create_solver("bi-encoder"), moved)
    assert not alike(moved, create_solver("bi-encoder", {"layer": 0}))


class Paid(NoisySolver):
    """Counts an answer a question."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def used(self):
        return Usage(n_requests=self.n)

    def score(self, questions):
        self.n += len(questions)
        return super().score(questions)


def test_who_asks_a_solver_again_tells_only_what_it_asked_for():
    paid, exam = Paid(), Exam(tuple(QUESTIONS))
    known = [ScoredSolver(paid, exam, paid.score(exam.questions))]

    def cascade(second):
        made = {"first": "random", "second": {"solver": "random", "name": "large"}, "share": 1}
        solver = CascadeSolver(CascadeSettings.parse(made, subject="cascade"))
        return with_scored(solver.with_members({"first": Paid(), "second": second}), known)

    for second in (Paid(), create_solver("longest")):
        again = cascade(second)
        again.score(exam.questions)
        assert str(again.used()) == ""
        turned = QUESTIONS[0].with_option_order([1, 0, *range(2, len(QUESTIONS[0].options))])
        again.score([turned])
        # As first and as second it is one solver, and what others asked for is told by them.
        n = 2 if isinstance(second, Paid) else 1
        assert str(again.used()).startswith(f"first (random): {n} answers requested; 0 cached")
        assert "|" not in str(again.used())
