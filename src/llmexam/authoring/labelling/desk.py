"""One question set that several people label at the same time, each in a session of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from llmexam.authoring.labelling.agreement import Agreement, measure_agreement
from llmexam.authoring.labelling.labels import (
    Label,
    first_answers,
    last_decisions,
    read_labels,
    require_questions,
)
from llmexam.authoring.labelling.session import Session, check_labeller
from llmexam.errors import ExamError
from llmexam.exam.exam import Exam

_FEW_RESAMPLES = 500


@dataclass(frozen=True)
class Decided:
    """All decisions and answers in a labels file.

    Attributes:
        labels: The labels, in order.
        decisions: Last decision by labeller and id.
        answers: First answer by labeller and id.
    """

    labels: tuple[Label, ...]
    decisions: Mapping[str, Mapping[str, Label]]
    answers: Mapping[str, Mapping[str, int]]


class Desk:
    """The questions of one set, and what all labellers decided on them.

    Labels are read again when their file changed, so that other processes may write to it, too.
    Methods may be called by several threads.

    Args:
        exam: The questions.
        labels: File that labels are appended to; it need not exist.
        blind: Whether labellers answer a question before its key is shown.

    Raises:
        ExamError: There are no questions, or the labels are of others.
    """

    def __init__(self, exam: Exam, labels: str | Path, *, blind: bool = False) -> None:
        if not len(exam):
            raise ExamError("there are no questions to label", file=exam.source or None)
        self.exam = exam
        self.labels_path = Path(labels)
        self.blind = blind
        self._hashes = dict(zip(exam.ids, exam.question_hashes, strict=True))
        self._lock = threading.RLock()
        self._read: tuple[tuple[int, int], Decided] | None = None
        self.decided()

    def decided(self) -> Decided:
        """Return all decisions.

        Raises:
            ExamError: The labels cannot be read, or are of other questions.
        """
        with self._lock:
            stamp = self._stamp()
            if self._read is None or self._read[0] != stamp:
                found = tuple(read_labels(self.labels_path))
                require_questions(found, self._hashes, file=self.labels_path)
                decided = Decided(found, last_decisions(found), first_answers(found))
                self._read = (stamp, decided)
            return self._read[1]

    def session(self, labeller: str, *, read: bool = True) -> Session:
        """Return the session of a labeller, with what they decided until now.

        Args:
            labeller: Name of the labeller.
            read: Read the labels again if they changed. Without it, those of the last reading
                count, so that a form can be shown again when the file cannot be read any more.

        Raises:
            SettingsError: The name is blank or too long.
            ExamError: The labels cannot be read.
        """
        name = check_labeller(labeller)
        found = self.decided() if read or self._read is None else self._read[1]
        return Session(
            self.exam,
            self.labels_path,
            name,
            self.blind,
            dict(found.decisions.get(name, {})),
            dict(found.answers.get(name, {})),
        )

    @contextmanager
    def writing(self, labeller: str) -> Iterator[Session]:
        """Yield the session of a labeller; nobody else of this process writes meanwhile."""
        with self._lock:
            yield self.session(labeller)

    def others(self, labeller: str, question_id: str) -> tuple[Label, ...]:
        """Return what others decided on a question; nothing until the labeller decided, too.

        A decision that is seen first would influence one's own, and agreement would be worth less.
        """
        found = self.decided()
        if question_id not in found.decisions.get(labeller, {}):
            return ()
        return tuple(
            labels[question_id]
            for name, labels in sorted(found.decisions.items())
            if name != labeller and question_id in labels
        )

    def counts(self) -> dict[str, int]:
        """Return the number of questions of this set that each labeller decided on."""
        known = set(self.exam.ids)
        return {
            name: len(known & labels.keys())
            for name, labels in sorted(self.decided().decisions.items())
        }

    def agreement(self, *, usable: bool = False) -> Agreement | None:
        """Return the agreement of all labellers; None as long as there are fewer than two.

        Args:
            usable: Compare only whether a question is kept or rejected.
        """
        found = self.decided()
        if len(found.decisions) < 2:
            return None
        keys = {one.id: one.answer for one in self.exam if one.answer is not None}
        return measure_agreement(
            found.labels, keys=keys, hashes=self._hashes, usable=usable, n_resamples=_FEW_RESAMPLES
        )

    def _stamp(self) -> tuple[int, int]:
        try:
            status = self.labels_path.stat()
        except OSError:
            return (0, -1)
        return (status.st_mtime_ns, status.st_size)
