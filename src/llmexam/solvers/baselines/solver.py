"""Baselines that ignore the question: seeded random order, option order and option length."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import BaseSolver, Explanation, OptionReason


class RandomSettings(Settings):
    """Settings of solver `random`."""

    seed: int = Field(0, description="random seed; another seed gives another order")


class RandomSolver(BaseSolver):
    """Scores options at random, reproducibly; scores depend on the texts, not on the positions."""

    settings_class = RandomSettings
    settings: RandomSettings
    order_invariant = True

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return numbers in [0, 1) drawn from seed, question id and option text."""
        return ScoreMatrix.from_rows(
            [q.id for q in questions],
            [[self._draw(q.id, option) for option in q.options] for q in questions],
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations that the order is random."""
        note = OptionReason(f"random order, seed {self.settings.seed}")
        return [Explanation(q.id, (note,) * len(q.options)) for q in questions]

    def _draw(self, question_id: str, option: str) -> float:
        key = f"{self.settings.seed}\0{question_id}\0{option}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest()) / 2**32


class FirstSettings(Settings):
    """Settings of solver `first`: none."""


class FirstSolver(BaseSolver):
    """Ranks A, B, C and so on: measures position bias of the answers."""

    settings_class = FirstSettings
    settings: FirstSettings
    order_invariant = False

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return 0 for the first option, -1 for the second, and so on."""
        return ScoreMatrix.from_rows(
            [q.id for q in questions], [[-j for j in range(len(q.options))] for q in questions]
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations with the position of each option."""
        return [
            Explanation(
                q.id, tuple(OptionReason(f"position {j + 1}") for j in range(len(q.options)))
            )
            for q in questions
        ]


class LongestSettings(Settings):
    """Settings of solver `longest`."""

    unit: Literal["characters", "words"] = Field(
        "characters", description="unit of length: characters or words"
    )


class LongestSolver(BaseSolver):
    """Ranks options by length: measures option-length bias."""

    settings_class = LongestSettings
    settings: LongestSettings
    order_invariant = True

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the length of each option."""
        return ScoreMatrix.from_rows(
            [q.id for q in questions],
            [[float(self._length(option)) for option in q.options] for q in questions],
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations with the length of each option."""
        return [
            Explanation(
                q.id,
                tuple(OptionReason(f"{self._length(o)} {self.settings.unit}") for o in q.options),
            )
            for q in questions
        ]

    def _length(self, option: str) -> int:
        return len(option.split()) if self.settings.unit == "words" else len(option)
