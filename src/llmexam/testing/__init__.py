"""Fakes and contract checks of solvers, recoverers and trainers, also for tests of plug-ins."""

from llmexam.testing.recoverers import check_recoverer
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
    "check_recoverer",
    "check_resume",
    "check_solver",
    "check_trainer",
    "example_questions",
]
