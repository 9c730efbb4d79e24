"""A labelling session: the questions of one labeller, what was decided, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmexam.authoring.labelling.labels import (
    Label,
    append_label,
    first_answers,
    last_decisions,
    read_labels,
    require_appendable,
    require_questions,
)
from llmexam.errors import ExamError, SettingsError
from llmexam.exam.exam import Exam

MAX_NAME = 100


def check_labeller(labeller: str) -> str:
    """Return the name of a labeller without blanks around it.

    Raises:
        SettingsError: The name is blank or too long.
    """
    name = labeller.strip()
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise SettingsError(
            f"expected a name of 1 to {MAX_NAME} characters, got '{labeller[: 2 * MAX_NAME]}'",
            field="labeller",
        )
    return name


@dataclass
class Session:
    """The questions and the decisions of one labeller.

    Attributes:
        exam: The questions.
        labels_path: File that labels are appended to.
        labeller: Name of the labeller.
        blind: Whether the labeller answers a question before its key is shown.
        decisions: Last decision on each question by its id.
        answers: First answer to each question by its id.
    """

    exam: Exam
    labels_path: Path
    labeller: str
    blind: bool = False
    decisions: dict[str, Label] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)

    @classmethod
    def resume(cls, exam: Exam, labels: str | Path, labeller: str, *, blind: bool) -> Session:
        """Return a session with what this labeller decided earlier.

        Raises:
            ExamError: The labels cannot be read or written, or are of other questions.
            SettingsError: The name is blank or too long.
        """
        name = check_labeller(labeller)
        if not len(exam):
            raise ExamError("there are no questions to label", file=exam.source or None)
        found = read_labels(labels)
        hashes = dict(zip(exam.ids, exam.question_hashes, strict=True))
        require_questions(found, hashes, file=labels)
        require_appendable(labels)
        decisions = last_decisions(found).get(name, {})
        answers = first_answers(found).get(name, {})
        return cls(exam, Path(labels), name, blind, dict(decisions), dict(answers))

    @property
    def n_done(self) -> int:
        """Questions of the exam with a decision."""
        return sum(question.id in self.decisions for question in self.exam)

    def next_place(self, after: int = -1) -> int | None:
        """Return the place of the next question without a decision, or None if all have one.

        Args:
            after: Place to start behind; the search goes on from the beginning.
        """
        n = len(self.exam)
        places = [*range(after + 1, n), *range(min(after + 1, n))]
        open_ = (i for i in places if self.exam[i].id not in self.decisions)
        return next(open_, None)

    def hides_key(self, place: int) -> bool:
        """Return whether the key of a question must not be shown yet."""
        question = self.exam[place]
        if not self.blind or question.answer is None:
            return False
        return question.id not in self.answers and question.id not in self.decisions

    def answer(self, place: int, choice: int) -> None:
        """Record the option that the labeller chose before the key was shown.

        Raises:
            ExamError: There is no such option.
        """
        question = self.exam[place]
        if not 0 <= choice < len(question.options):
            raise ExamError(f"expected an option below {len(question.options)}, got {choice}")
        if question.id in self.answers:
            # The first answer counts: the key has been shown since.
            return
        self._append(place, kind="answer", choice=choice)
        self.answers[question.id] = choice

    def decide(self, place: int, values: Mapping[str, Any]) -> None:
        """Record a decision.

        Args:
            place: Place of the question.
            values: Fields of the label: decision, reasons, mended, note.

        Raises:
            ExamError: The decision is not valid, or the key is still hidden.
        """
        if self.hides_key(place):
            raise ExamError("answer the question before you decide on it")
        label = self._append(place, kind="decision", **values)
        self.decisions[label.id] = label

    def _append(self, place: int, **values: Any) -> Label:
        try:
            label = Label(
                id=self.exam[place].id,
                question=self.exam.question_hashes[place],
                labeller=self.labeller,
                time=datetime.now(UTC).isoformat(timespec="seconds"),
                **values,
            )
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ExamError(message) from None
        append_label(self.labels_path, label)
        return label
