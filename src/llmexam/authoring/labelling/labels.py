"""Labels of questions: one JSON line per decision, appended and flushed to disk at once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from llmexam.authoring.labelling.reasons import REASONS
from llmexam.errors import ExamError
from llmexam.exam.letters import MAX_OPTIONS, MIN_OPTIONS
from llmexam.storage.atomic import require_writable

Decision = Literal["accept", "mend", "reject"]
DECISIONS: tuple[Decision, ...] = ("accept", "mend", "reject")
_LOCK_SECONDS = 10
MAX_TEXT = 20_000

Text = Annotated[str, Field(max_length=MAX_TEXT)]


class Mended(BaseModel):
    """The corrected text of a question.

    Attributes:
        prompt: The question text.
        options: The options.
        answer: Index of the right option.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Text
    options: tuple[Text, ...] = Field(min_length=MIN_OPTIONS, max_length=MAX_OPTIONS)
    answer: int = Field(ge=0)

    @model_validator(mode="after")
    def _check(self) -> Mended:
        if self.answer >= len(self.options):
            raise ValueError(f"expected an answer below {len(self.options)}, got {self.answer}")
        if not self.prompt.strip() or not all(option.strip() for option in self.options):
            raise ValueError("expected a question text and options that are not blank")
        if len({" ".join(option.split()) for option in self.options}) < len(self.options):
            raise ValueError("expected options that differ from each other")
        return self


class Label(BaseModel):
    """One entry of the labels file.

    Attributes:
        id: Id of the question.
        question: Hash of its prompt and options, which tells whether it changed since.
        labeller: Who decided.
        kind: "answer" for the option that a labeller chose before the key was shown, "decision"
            for what should happen to the question.
        choice: Index of that option, for an answer.
        decision: What should happen, for a decision.
        reasons: Why it is rejected.
        mended: The corrected question, for the decision "mend".
        note: Free text.
        time: When, as ISO 8601 in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    question: str
    labeller: str = Field(min_length=1, max_length=100)
    kind: Literal["answer", "decision"]
    choice: int | None = Field(None, ge=0, lt=MAX_OPTIONS)
    decision: Decision | None = None
    reasons: tuple[str, ...] = ()
    mended: Mended | None = None
    note: Text = ""
    time: str = ""

    @model_validator(mode="after")
    def _check(self) -> Label:
        if self.kind == "answer" and self.choice is None:
            raise ValueError("expected a choice with an answer")
        if self.kind == "decision" and self.decision is None:
            raise ValueError("expected a decision")
        if (self.decision == "mend") != (self.mended is not None):
            raise ValueError("expected a corrected question with the decision 'mend' only")
        unknown = [reason for reason in self.reasons if reason not in REASONS]
        if unknown:
            raise ValueError(f"expected reasons among {', '.join(REASONS)}, got {unknown[0]}")
        if self.decision == "reject" and not self.reasons:
            raise ValueError("expected at least one reason to reject the question")
        return self


def append_label(path: str | Path, label: Label) -> None:
    """Append a label to a file and flush it to disk.

    Several processes may append to one file. A line that was cut short by a crash is ended first,
    so that it does not swallow the new one.

    Raises:
        ExamError: The file cannot be written, or another process holds it for too long.
    """
    line = json.dumps(label.model_dump(mode="json", exclude_none=True), ensure_ascii=False) + "\n"
    with _opened(path) as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                stream.write(b"\n")
        stream.write(line.encode("utf-8"))
        stream.flush()
        os.fsync(stream.fileno())


def require_appendable(path: str | Path) -> None:
    """Check that labels can be appended to a file, without writing to it.

    Raises:
        ExamError: The file cannot be written, or another process holds it for too long.
    """
    if Path(path).exists():
        with _opened(path):
            return
    try:
        require_writable(path)
    except OSError as error:
        raise _not_writable(path, error) from None


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    # The file that a link leads to, so that all who write to it share one lock.
    target = Path(path).resolve()
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with lock.acquire(timeout=_LOCK_SECONDS), target.open("a+b") as stream:
            yield stream
    except Timeout:
        raise ExamError(
            "another process is writing to the labels", file=path, hint="Try again"
        ) from None
    except OSError as error:
        raise _not_writable(path, error) from None


def _not_writable(path: str | Path, error: OSError) -> ExamError:
    return ExamError(
        f"cannot write the labels: {error.strerror or error}",
        file=path,
        hint="Choose another --labels file, or free some space",
    )


def read_labels(path: str | Path) -> list[Label]:
    """Return the labels of a file, in their order; a file that does not exist has none.

    A line that is cut short, because the machine stopped while it was written, is skipped.

    Raises:
        ExamError: A line is not a label, or the file has texts but no label.
    """
    target = Path(path)
    if not target.exists():
        return []
    try:
        # Not `splitlines`, which also splits at characters that JSON leaves in texts.
        lines = target.read_bytes().decode("utf-8", "replace").split("\n")
    except OSError as error:
        raise ExamError(f"cannot read the labels: {error.strerror}", file=target) from None
    labels: list[Label] = []
    n_torn = 0
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            # A torn line; a new label starts on a line of its own.
            n_torn += 1
            continue
        try:
            labels.append(Label.model_validate(value))
        except ValidationError as error:
            first = error.errors()[0]
            raise ExamError(
                f"expected a label: {first['msg']}",
                file=target,
                row=row,
                field=".".join(map(str, first["loc"])) or None,
                hint="Give a file written by `llmexam author label`",
            ) from None
    if n_torn > 1 and not labels:
        raise ExamError(
            "expected labels, got lines that are not JSON",
            file=target,
            hint="Give a file written by `llmexam author label`",
        )
    return labels


def require_questions(
    labels: Iterable[Label],
    hashes: Mapping[str, str] | None = None,
    *,
    file: str | Path | None = None,
) -> None:
    """Check that labels are of the same versions of their questions.

    Args:
        labels: The labels.
        hashes: Hash of each question by id, if the questions are known; others may have labels.
        file: File for the error.

    Raises:
        ExamError: A question changed after it was labelled.
    """
    known = dict(hashes or {})
    for label in labels:
        if known.setdefault(label.id, label.question) != label.question:
            raise ExamError(
                f"question '{label.id}' changed since '{label.labeller}' labelled it",
                file=file,
                hint="Give the questions as they were labelled, or label the changed ones into a "
                "new file",
            )


def last_decisions(labels: Iterable[Label]) -> dict[str, dict[str, Label]]:
    """Return the last decision on each question by labeller and id."""
    found: dict[str, dict[str, Label]] = {}
    for label in labels:
        if label.kind == "decision":
            found.setdefault(label.labeller, {})[label.id] = label
    return found


def first_answers(labels: Iterable[Label]) -> dict[str, dict[str, int]]:
    """Return the first answer to each question by labeller and id, given before the key showed."""
    found: dict[str, dict[str, int]] = {}
    for label in labels:
        if label.kind == "answer" and label.choice is not None:
            found.setdefault(label.labeller, {}).setdefault(label.id, label.choice)
    return found


def read_all(paths: Sequence[str | Path]) -> list[Label]:
    """Return the labels of several files, in order.

    Raises:
        ExamError: A file does not exist or has a line that is not a label.
    """
    labels = []
    for path in paths:
        if not Path(path).is_file():
            raise ExamError("file not found", file=path, hint="Check the path")
        labels += read_labels(path)
    return labels
