"""Aiken: plain text with one question per block, and a line such as `ANSWER: B` at its end.

Beyond the format of Moodle, options may be labelled in lower case or by numbers, several right
options may be named (`ANSWER: A, C`), a `Feedback:` line may follow, and a line such as
`multichoice` or `truefalse` may tell the type of a question. Questions of other types are left out
and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from llmexam.errors import ExamError
from llmexam.exam.parsers.moodle_xml import left_out_note
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.question import Question, split_right

_OPTION = re.compile(r"([A-Za-z]|\d{1,2})[.)](?:\s+(.*))?")
_ANSWER = re.compile(r"answers?\s*:\s*(.*)", re.IGNORECASE)
_LABEL = re.compile(r"[A-Za-z]|\d{1,2}")
_SEPARATOR = re.compile(r"[\s,;&]+(?:and\b[\s,;&]*)?")
_FEEDBACK = re.compile(r"(?:feedback|gfeed)\s*[:.]\s*(.*)", re.IGNORECASE)
_TRUE_FALSE = {"true": 0, "t": 0, "false": 1, "f": 1}
_READ = frozenset({"multichoice", "truefalse"})
_TYPES = _READ | frozenset(
    "essay shortanswer description cloze numerical order ordering matching match category".split()
)


@dataclass(frozen=True)
class AikenRecord:
    """The lines of one question.

    Attributes:
        line: Number of its first line, from 1.
        kind: The type that a line before it tells, or empty.
        lines: The lines of question and options.
        answer: What follows `ANSWER:`; None without such a line.
        feedback: What follows `Feedback:`, or empty.
        category: The category that a block `category` above it tells, or empty.
    """

    line: int
    kind: str
    lines: tuple[str, ...] = ()
    answer: str | None = None
    feedback: str = ""
    category: str = ""


@dataclass
class _Reader:
    """Collects lines until a question ends."""

    found: list[AikenRecord] = field(default_factory=list)
    line: int = 0
    kind: str = ""
    lines: list[str] = field(default_factory=list)
    category: str = ""

    def end(self, answer: str | None) -> None:
        """End the question before this line, with its answer."""
        if self.kind == "category":
            self.category = "/".join(line.strip() for line in self.lines if line.strip())
        elif answer is not None or any(line.strip() for line in self.lines):
            self.found.append(
                AikenRecord(
                    max(self.line, 1), self.kind, tuple(self.lines), answer, "", self.category
                )
            )
        self.line, self.kind, self.lines = 0, "", []


def looks_like(source: SourceFile) -> bool:
    """Return whether a line names the right option of options A and B above it."""
    text = source.text
    if text.lstrip()[:1] in ("{", "[", "<") or "answer" not in text.casefold():
        return False
    labels: set[str] = set()
    for line in text.split("\n"):
        answer = _ANSWER.fullmatch(line.strip())
        if answer and {"A", "B"} <= labels and all(map(_LABEL.fullmatch, _given(answer[1]))):
            return True
        option = _OPTION.fullmatch(line.strip())
        if option:
            labels.add(option[1].upper())
        elif answer:
            labels = set()
    return False


def records(source: SourceFile) -> Iterator[AikenRecord]:
    """Return the questions to choose from, in order."""
    return (one for one in _all_records(source.text) if _is_read(one))


def notes(source: SourceFile) -> tuple[str, ...]:
    """Return what was left out: questions of other types, with their numbers."""
    others = [one for one in _all_records(source.text) if not _is_read(one)]
    return left_out_note(Counter(one.kind or "text without an answer" for one in others))


def to_question(record: AikenRecord, row: int) -> Question:
    """Return one question.

    Raises:
        ExamError: Its options are not labelled in order, or the answer is none of the labels.
    """
    metadata = {"category": record.category, "feedback": record.feedback}
    metadata = {key: value for key, value in metadata.items() if value}
    text = "\n".join(line.strip() for line in record.lines).strip()
    if record.kind == "truefalse":
        answer = _TRUE_FALSE.get((record.answer or "").strip(" .").casefold())
        if answer is None:
            raise _fault(record, f"expected True or False as the answer, got '{record.answer}'")
        return Question(str(row - 1), text, ("True", "False"), answer, metadata=metadata)
    start, labels, options = _options(record)
    prompt = "\n".join(line.rstrip() for line in record.lines[:start]).strip()
    answer, right = split_right(_named(record, labels))
    return Question(str(row - 1), prompt, options, answer, metadata=metadata, right=right)


def _is_read(record: AikenRecord) -> bool:
    if record.kind:
        return record.kind in _READ
    return record.answer is not None


def _all_records(text: str) -> list[AikenRecord]:
    reader = _Reader()
    is_behind_answer = False
    for number, line in enumerate(text.replace("\r", "").split("\n"), 1):
        feedback = _FEEDBACK.fullmatch(line.strip())
        answer = _ANSWER.fullmatch(line.strip())
        name = line.strip().casefold()
        if feedback and is_behind_answer and not reader.lines:
            reader.found[-1] = replace(reader.found[-1], feedback=feedback[1].strip())
        elif name in _TYPES:
            reader.end(None)
            reader.kind, reader.line = name, number
            is_behind_answer = False
        elif answer and (reader.lines or reader.kind):
            n_before = len(reader.found)
            reader.end(answer[1])
            is_behind_answer = len(reader.found) > n_before
        elif line.strip() or reader.lines:
            if line.strip():
                is_behind_answer = False
            reader.line = reader.line or number
            reader.lines.append(line)
    reader.end(None)
    return reader.found


def _options(record: AikenRecord) -> tuple[int, list[str], tuple[str, ...]]:
    """Return the place of the first option among the lines, the labels and the texts."""
    start = _start(record.lines)
    labels: list[str] = []
    texts: list[str] = []
    for line in record.lines[start:] if start is not None else ():
        match = _OPTION.fullmatch(line.strip())
        if match and (not labels or match[1] == _after(labels[-1])):
            labels.append(match[1])
            texts.append((match[2] or "").strip())
        elif line.strip():
            texts[-1] = f"{texts[-1]} {line.strip()}".strip()
    if start is not None:
        return start, labels, tuple(texts)
    raise _fault(record, "expected options labelled A., B., C. and so on below the question")


def _start(lines: Sequence[str]) -> int | None:
    """Return the last line that opens options with two labels or more, such as "A." and "B.".

    A question may open like an option, such as "A. Smith".
    """
    found = start = None
    label = ""
    for place, line in enumerate(lines):
        match = _OPTION.fullmatch(line.strip())
        if match and match[1] in ("A", "a", "1"):
            start, label = place, match[1]
        elif match and start is not None and match[1] == _after(label):
            found, label = start, match[1]
    return found


def _after(label: str) -> str:
    return str(int(label) + 1) if label.isdecimal() else chr(ord(label) + 1)


def _named(record: AikenRecord, labels: list[str]) -> list[int]:
    if record.answer is None:
        return []
    given = _given(record.answer)
    known = [label.casefold() for label in labels]
    wrong = [one for one in given if one.casefold() not in known]
    if wrong or not given:
        raise _fault(
            record,
            f"expected one of the labels {labels[0]} to {labels[-1]} as the answer, got "
            f"'{record.answer}'",
        )
    return [known.index(one.casefold()) for one in given]


def _given(answer: str) -> list[str]:
    return [one for one in _SEPARATOR.split(answer.strip(" .()")) if one]


def _fault(record: AikenRecord, message: str) -> ExamError:
    return ExamError(
        f"line {record.line}: {message}",
        hint="A question is followed by lines such as 'A. text', and by 'ANSWER: A'",
    )
