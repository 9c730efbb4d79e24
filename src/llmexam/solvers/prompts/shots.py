"""Few-shot examples: drawn at random from a training file, or nearest by embedding."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import SettingsError
from llmexam.exam.audit.overlap import find_in_exam, find_in_text
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Question
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.loading import BUNDLED
from llmexam.settings.base import Settings
from llmexam.settings.kinds import LocalPath, ModelRef

if TYPE_CHECKING:
    from llmexam.lm.encoding.embedding import Embedder

# Jaccard similarity from which two prompts count as the same question.
_NEAR = 0.8


class ShotSettings(Settings):
    """Source, number and selection of few-shot examples."""

    file: LocalPath = Field(
        description="exam file with answers to draw examples from; it must share no question with "
        "the exam"
    )
    n: int = Field(5, ge=1, le=64, description="number of examples in the prompt")
    by: Literal["seed", "nearest"] = Field(
        "seed",
        description="selection of examples: seed draws the same ones for all questions, balanced "
        "over answer letters; nearest takes those most similar to each question, the "
        "most similar one last",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="random seed of the draw")
    encoder: ModelRef = Field(
        BUNDLED, min_length=1, description="bi-encoder that embeds question texts, for by: nearest"
    )


class ShotPool:
    """Selects few-shot examples from the questions of a training file.

    Args:
        settings: Source, number and selection.
    """

    def __init__(self, settings: ShotSettings) -> None:
        self.settings = settings

    @cached_property
    def exam(self) -> Exam:
        """The questions with one right option: an example shows one answer.

        Raises:
            ExamError: The file is invalid.
            SettingsError: A question has no answer, or there are too few.
        """
        exam = read_exam(self.settings.file)
        unanswered = [question.id for question in exam if question.answer is None]
        if unanswered:
            raise SettingsError(
                f"question '{unanswered[0]}' has no answer ({len(unanswered)} in all)",
                file=self.settings.file,
                field="shots.file",
                hint="Few-shot examples need answers: remove the questions without one",
            )
        n_several = sum(bool(question.right) for question in exam)
        if n_several:
            exam = exam.subset([i for i, question in enumerate(exam) if not question.right])
        if len(exam) < self.settings.n:
            raise SettingsError(
                f"expected at least {self.settings.n} questions for the examples, got {len(exam)}"
                f"{' with one right option' if n_several else ''}",
                file=self.settings.file,
                field="shots.n",
            )
        return exam

    def choose(self, questions: Sequence[Question]) -> list[list[Question]]:
        """Return the examples of each question, in prompt order.

        Raises:
            SettingsError: An example is one of the questions, or a near duplicate.
        """
        if self.settings.by == "seed":
            drawn = self._drawn
            chosen = [drawn for _ in questions]
            shown = drawn
        else:
            chosen = self._nearest(questions)
            shown = list({shot.id: shot for shots in chosen for shot in shots}.values())
        self._require_others(questions, shown)
        return chosen

    @cached_property
    def _drawn(self) -> list[Question]:
        """Draw examples with balanced answer letters, so that no letter is suggested."""
        rng = np.random.default_rng(self.settings.seed)
        order = [self.exam[int(i)] for i in rng.permutation(len(self.exam))]
        by_letter: dict[int, list[Question]] = {}
        for question in order:
            by_letter.setdefault(question.answer or 0, []).append(question)
        queues = [by_letter[letter] for letter in sorted(by_letter)]
        drawn: list[Question] = []
        turn = 0
        while len(drawn) < self.settings.n:
            if queue := queues[turn % len(queues)]:
                drawn.append(queue.pop(0))
            turn += 1
        return [drawn[int(i)] for i in rng.permutation(len(drawn))]

    def _nearest(self, questions: Sequence[Question]) -> list[list[Question]]:
        pool = self._vectors
        asked = self._embedder.encode([question.prompt for question in questions])
        near = np.argsort(-(asked @ pool.T), axis=1, kind="stable")[:, : self.settings.n]
        return [[self.exam[int(i)] for i in row[::-1]] for row in near]

    @cached_property
    def _embedder(self) -> Embedder:
        return load_embedder(self.settings.encoder)

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return self._embedder.encode([question.prompt for question in self.exam])

    def _require_others(self, questions: Sequence[Question], shown: Sequence[Question]) -> None:
        overlaps = find_in_exam(
            list(enumerate(questions, 1)),
            list(enumerate(shown, 1)),
            file=str(self.settings.file),
            threshold=_NEAR,
            seed=0,
        )
        if overlaps:
            first = overlaps[0]
            raise SettingsError(
                f"question '{first.id}' of the exam is among the few-shot examples "
                f"({first.kind}; {len(overlaps)} in all), so its answer would leak",
                file=self.settings.file,
                field="shots.file",
                hint="Remove them from the file; this lists them: llmexam audit EXAM "
                "--against FILE",
            )


def require_unquoted(questions: Sequence[Question], text: str, *, file: str) -> None:
    """Check that a prompt template quotes no question of the exam.

    Raises:
        SettingsError: It does.
    """
    quoted = find_in_text(list(enumerate(questions, 1)), text, file=file)
    if quoted:
        raise SettingsError(
            f"the template quotes question '{quoted[0].id}' of the exam ({len(quoted)} in all)",
            file=file,
            hint="Remove it from the template; `shots` takes examples from a training file",
        )
