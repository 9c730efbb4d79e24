"""The questions of a run: texts at once, passages one question at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from llmexam.errors import ExamError, LlmExamError, NotFoundError, RunError
from llmexam.exam.exam import Exam
from llmexam.exam.letters import index_of
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question, split_right
from llmexam.solvers.protocol import Explanation, OptionReason, Support
from llmexam.tasks.multiple_choice.plan import ChoiceExamPlan
from llmexam.workflows.browse.records import Recorded

EVIDENCE = "evidence.jsonl"
_MOST_BYTES = 4_000_000_000
# Inside a JSON text the quotes would have backslashes before them.
_EXPLANATION = re.compile(rb'\{"question_id":"')


@dataclass(frozen=True)
class ExamRows:
    """The questions of a run.

    Attributes:
        exam: The questions; without passages where these are read one by one.
        path: The file with the passages; None where the exam has them.
        offsets: Where the line of each question begins in that file, and its end.
    """

    exam: Exam
    path: Path | None = None
    offsets: tuple[int, ...] = ()

    def question(self, row: int) -> Question:
        """Return a question with its passages.

        Raises:
            NotFoundError: There is no such row.
            RunError: The file has changed meanwhile.
        """
        if not 0 <= row < len(self.exam):
            raise NotFoundError(f"expected a question from 1 to {len(self.exam)}, got {row + 1}")
        question = self.exam[row]
        if self.path is None:
            return question
        with self.path.open("rb") as stream:
            stream.seek(self.offsets[row])
            line = stream.read(self.offsets[row + 1] - self.offsets[row])
        try:
            found = _question(orjson.loads(line), with_passages=True)
        except (ValueError, KeyError, TypeError, AttributeError):
            found = None
        if found is None or found.id != question.id:
            raise _changed()
        return found

    @property
    def n_bytes(self) -> int:
        """Size of the file with the passages; 0 where the exam has them."""
        return self.offsets[-1] if self.path is not None else 0

    def passage_texts(self) -> Iterator[str]:
        """Yield the texts of all passages of each question, in lower case.

        Raises:
            RunError: The file has changed meanwhile.
        """
        if self.path is None:
            for question in self.exam:
                texts = [f"{one.title}\n{one.text}" for one in question.passages]
                yield "\n".join(texts).casefold()
            return
        with self.path.open("rb") as stream:
            for start, end in pairwise(self.offsets):
                stream.seek(start)
                try:
                    passages = orjson.loads(stream.read(end - start)).get("passages", ())
                    found = [f"{one.get('title', '')}\n{one['text']}" for one in passages]
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise _changed() from None
                yield "\n".join(found).casefold()


def _changed() -> RunError:
    return RunError("the evidence has changed meanwhile: load the page again")


def read_rows(recorded: Recorded) -> ExamRows:
    """Return the questions of a run, from its evidence or from the exam that it read.

    Raises:
        RunError: The exam is not where it was, or has changed since.
    """
    path = recorded.folder / EVIDENCE
    if path.is_file() and not path.is_symlink():
        return _read_evidence(path)
    return ExamRows(_read_exam(recorded))


def _read_evidence(path: Path) -> ExamRows:
    if path.stat().st_size > _MOST_BYTES:
        raise RunError("the file is too large to be shown", file=path)
    questions, offsets, place = [], [], 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                if line.strip():
                    questions.append(_question(orjson.loads(line)))
                    offsets.append(place)
                place += len(line)
        exam = Exam(tuple(questions), source=str(path), format="jsonl")
    except (ValueError, KeyError, TypeError, AttributeError, ExamError):
        # Another program may have written it: the reader of exams knows more forms.
        return ExamRows(read_exam(path))
    return ExamRows(exam, path, (*offsets, place))


def _question(record: dict[str, Any], *, with_passages: bool = False) -> Question:
    """Return the question of a line as `exam.writers` writes it."""
    letters = record["answer"]
    given = letters if isinstance(letters, list) else [] if letters is None else [letters]
    answer, right = split_right(index_of(one) for one in given)
    passages: tuple[Passage, ...] = ()
    if with_passages:
        passages = tuple(
            Passage(one["text"], one.get("title", ""), one.get("id", ""), one.get("score"))
            for one in record.get("passages", ())
        )
    return Question(
        record["id"],
        record["prompt"],
        tuple(record["options"]),
        answer,
        passages,
        record.get("metadata", {}),
        right,
    )


def _read_exam(recorded: Recorded) -> Exam:
    problem = RunError(
        "the exam of this run is no longer where it was, or has changed: its questions cannot be "
        "shown",
        hint="The report of the run still shows them",
    )
    try:
        plan = ChoiceExamPlan.parse(recorded.plan["exam"], subject="the plan")
        file = plan.file
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            raise problem
        exam = plan.read_selected()
    except (LlmExamError, OSError, KeyError, TypeError):
        raise problem from None
    # What a plan names is shown only where it is what the run read: a run folder may come from
    # elsewhere, and must not lead to other files of this machine.
    for one in (exam, exam.without_passages()):
        if one.content_hash == recorded.content.exam.content_hash:
            return one
    raise problem


@dataclass(frozen=True)
class ExplanationFile:
    """Explanations of a solver, read one question at a time.

    Attributes:
        path: The file.
        offsets: Where the explanation of each question begins, and the end of the last.
    """

    path: Path
    offsets: tuple[int, ...]

    @classmethod
    def open(cls, path: Path) -> ExplanationFile:
        """Return the explanations of a file that a run wrote; none where there is no file."""
        if not path.is_file() or path.is_symlink():
            return cls(path, ())
        content = path.read_bytes()
        starts = [found.start() for found in _EXPLANATION.finditer(content)]
        return cls(path, (*starts, len(content)))

    def get(self, row: int, question: Question) -> Explanation | None:
        """Return the explanation of a question; None where there is none."""
        if not 0 <= row < len(self.offsets) - 1:
            return None
        with self.path.open("rb") as stream:
            stream.seek(self.offsets[row])
            piece = stream.read(self.offsets[row + 1] - self.offsets[row])
        try:
            found = orjson.loads(piece.rstrip(b",] \n"))
            options = tuple(map(_reason, found["options"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return Explanation(question.id, options) if found["question_id"] == question.id else None


def _reason(values: Mapping[str, Any]) -> OptionReason:
    supports = (
        Support(
            int(one["passage"]),
            int(one["start"]),
            int(one["end"]),
            float(one["weight"]),
            tuple(one.get("terms", ())),
        )
        for one in values.get("supports", ())
    )
    return OptionReason(str(values["note"]), tuple(supports))
