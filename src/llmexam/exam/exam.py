"""An exam: an ordered set of questions with unique ids and its provenance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.exam.question import Passage, Question
from llmexam.storage.hashing import hash_json


@dataclass(frozen=True)
class Exam:
    """An ordered set of questions.

    Attributes:
        questions: The questions; ids are unique.
        source: Path of the file they were read from, or a name for it.
        format: Name of the format of that file, or empty.
        source_hash: SHA-256 of that file's bytes, or empty.
        notes: What the user should know about how the file was read, such as questions of other
            types that were left out.
        n_skipped: Number of faulty rows that were left out.
    """

    questions: tuple[Question, ...]
    source: str = ""
    format: str = ""
    source_hash: str = ""
    notes: tuple[str, ...] = ()
    n_skipped: int = 0

    def __post_init__(self) -> None:
        if len({question.id for question in self.questions}) == len(self.questions):
            return
        first_row: dict[str, int] = {}
        for row, question in enumerate(self.questions, 1):
            earlier = first_row.setdefault(question.id, row)
            if earlier != row:
                raise ExamError(
                    f"duplicate id '{question.id}', first used in row {earlier}",
                    file=self.source or None,
                    row=row,
                    field="id",
                    hint="Give every question a unique id",
                )

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def __getitem__(self, index: int) -> Question:
        return self.questions[index]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the questions, in order."""
        return tuple(question.id for question in self.questions)

    @property
    def answers(self) -> NDArray[np.int64]:
        """Indices of the (first) right options, shape `[n_questions]`; -1 if unlabelled."""
        return np.array(
            [-1 if q.answer is None else q.answer for q in self.questions], dtype=np.int64
        )

    @property
    def has_several_right(self) -> bool:
        """Whether a question has several right options."""
        return any(question.right for question in self.questions)

    @cached_property
    def is_right(self) -> NDArray[np.bool_]:
        """Whether each option is right, shape `[n_questions, n_options]`."""
        return self.right_mask(max((len(q.options) for q in self.questions), default=0))

    def right_mask(self, width: int) -> NDArray[np.bool_]:
        """Return whether each option is right, shape `[n_questions, width]`.

        Args:
            width: Number of columns, at least the number of options of the longest question.
        """
        mask = np.zeros((len(self.questions), width), dtype=bool)
        answers = self.answers
        rows = np.flatnonzero(answers >= 0)
        mask[rows, answers[rows]] = True
        for row, question in enumerate(self.questions):
            if question.right:
                mask[row, list(question.right)] = True
        return mask

    @property
    def is_labelled(self) -> bool:
        """Whether every question has its answer (an empty exam has none)."""
        return bool(self.questions) and all(q.answer is not None for q in self.questions)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the questions: ids, prompts, options, answers and passages."""
        return hash_json(
            [
                [
                    q.id,
                    q.prompt,
                    list(q.options),
                    q.answer,
                    [[p.id, p.title, p.text] for p in q.passages],
                    # Only where there are several, so that other exams keep their hashes.
                    *([list(q.right)] if q.right else []),
                ]
                for q in self.questions
            ]
        )

    @cached_property
    def question_hashes(self) -> tuple[str, ...]:
        """12-digit hash of each question's prompt and options, without id, answer and evidence."""
        return tuple(hash_json([q.prompt, list(q.options)])[:12] for q in self.questions)

    def subset(self, indices: Sequence[int]) -> Exam:
        """Return an exam of the questions with these indices, in this order."""
        return replace(self, questions=tuple(self.questions[i] for i in indices))

    def without_passages(self) -> Exam:
        """Return this exam without any evidence."""
        return self.with_passages([()] * len(self))

    def with_passages(self, passages: Sequence[Sequence[Passage]]) -> Exam:
        """Return this exam with other evidence: one sequence of passages per question."""
        return replace(
            self,
            questions=tuple(
                question.with_passages(found)
                for question, found in zip(self.questions, passages, strict=True)
            ),
        )
