"""Fakes and contract checks of solvers and trainers, for our tests and those of plug-ins."""

from llmexam.testing.solvers import (
    ConstantSolver,
    FakeSettings,
    NoisySolver,
    check_solver,
    example_questions,
)
from llmexam.testing.trainers import (
    check_accumulation,
    check_chance,
    check_parity,
    check_resume,
    check_trainer,
)

__all__ = [
    "ConstantSolver",
    "FakeSettings",
    "NoisySolver",
    "check_accumulation",
    "check_chance",
    "check_parity",
    "check_resume",
    "check_solver",
    "check_trainer",
    "example_questions",
]
