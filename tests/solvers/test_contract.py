"""Every solver, built in or fake, keeps the contract."""

import pytest

from llmexam.solvers.registry import create_solver, solver_class, solver_entries
from llmexam.testing import (
    ConstantSolver,
    FakeSettings,
    NoisySolver,
    check_solver,
    example_questions,
)

# bf16 and padding move a cosine by a little when the batch changes.
TOLERANCE = {"bi-encoder": 5e-3}


# Those that are nothing without a model that was trained for them are checked beside their trainer.
READY = [
    pytest.param(
        name,
        marks=[
            *([pytest.mark.needs(entry.extra)] if entry.extra else []),
            *([pytest.mark.slow] if name == "bi-encoder" else []),
        ],
    )
    for name, entry in sorted(solver_entries().items())
    if not any(f.is_required() for f in solver_class(name).settings_class.model_fields.values())
]


@pytest.mark.parametrize("name", READY)
def test_every_registered_solver_keeps_the_contract(name):
    check_solver(lambda: create_solver(name), tolerance=TOLERANCE.get(name, 0.0))


def test_fakes_keep_the_contract():
    check_solver(ConstantSolver)
    check_solver(lambda: NoisySolver(FakeSettings(skill=2)), may_see_answers=True)


def test_the_check_notices_who_looks_at_the_answers():
    with pytest.raises(AssertionError, match="do not depend on the answers"):
        check_solver(lambda: NoisySolver(FakeSettings(skill=2)))


class _Counting(ConstantSolver):
    """Breaks the contract: scores depend on the place among the neighbours."""

    def score(self, questions):
        found = super().score(questions)
        return type(found).from_rows(
            found.question_ids, [row + i for i, row in enumerate(found.rows())]
        )


class _Short(ConstantSolver):
    """Breaks the contract: scores two options only."""

    def score(self, questions):
        found = super().score(questions)
        return type(found).from_rows(found.question_ids, [row[:2] for row in found.rows()])


class _Placed(ConstantSolver):
    """Breaks its claim to ignore the order of options."""

    def score(self, questions):
        found = super().score(questions)
        return type(found).from_rows(
            found.question_ids, [list(range(len(row))) for row in found.rows()]
        )


class _Mute(ConstantSolver):
    """Breaks the contract: explains nothing."""

    def explain(self, questions):
        return []


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (_Counting, "order of questions|neighbours"),
        (_Short, "one score per option"),
        (_Placed, "ignores the positions"),
        (_Mute, "one explanation a question"),
    ],
)
def test_the_check_notices_broken_contracts(broken, law):
    with pytest.raises(AssertionError, match=law):
        check_solver(broken)


def test_examples_span_the_contract():
    questions = example_questions()
    assert {len(q.options) for q in questions} >= {2, 4, 5, 26}
    assert any(q.answer is None for q in questions)
    assert any(not q.passages for q in questions)
