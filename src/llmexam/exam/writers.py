"""Exam writers: files are written atomically and read back to the same exam.

Fields that a format cannot store are left out; `what_is_lost` lists them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from llmexam.errors import ExamError, nearest
from llmexam.exam.context import join_context
from llmexam.exam.exam import Exam
from llmexam.exam.harness_writers import (
    data_file,
    inspect_text,
    lm_eval_files,
    mmlu_parquet,
    mmlu_text,
)
from llmexam.exam.letters import letter_of
from llmexam.exam.parsers.alpaca import INSTRUCTION, parse_input, render_input
from llmexam.exam.question import Question
from llmexam.exam.quiz_writers import STORED, gift_text, moodle_xml_text
from llmexam.exam.writing_checks import require_one_right
from llmexam.storage.atomic import atomic_path


class LongRow(NamedTuple):
    """One option of a question, in the long format used for sentence pairs.

    Attributes:
        id: The question's id.
        prompt: The question text.
        option: The option's text.
        label: 1 if it is right, else 0.
    """

    id: str
    prompt: str
    option: str
    label: int


def write_exam(path: str | Path, exam: Exam, *, format: str) -> None:
    """Write an exam to a file, atomically.

    Args:
        path: The file; an existing one is replaced.
        exam: The exam.
        format: A key of `WRITERS`.

    Raises:
        ExamError: The format is unknown or cannot store this exam.
    """
    if format not in WRITERS:
        raise ExamError(
            f"exams cannot be written in format '{format}'", hint=nearest(format, WRITERS)
        )
    if not len(exam):
        raise ExamError("cannot write an exam without questions", file=path)
    for name, content in files_of(Path(path), exam, format).items():
        with atomic_path(name) as temporary:
            temporary.write_bytes(content if isinstance(content, bytes) else content.encode())


def files_of(path: Path, exam: Exam, format: str) -> dict[Path, str | bytes]:
    """Return the files of an exam in a format: one, or a task and its data beside it.

    Raises:
        ExamError: The format cannot store this exam.
    """
    if format == "lm-eval":
        return lm_eval_files(exam, path)
    if format == "hub-mmlu" and path.suffix.lower() == ".parquet":
        return {path: mmlu_parquet(exam)}
    return {path: WRITERS[format](exam)}


def names_of(path: Path, format: str) -> tuple[Path, ...]:
    """Return the names of the files that an exam in a format consists of."""
    return (path, data_file(path)) if format == "lm-eval" else (path,)


def what_is_lost(exam: Exam, format: str) -> tuple[str, ...]:
    """Return the fields of an exam that a format cannot store, such as ("ids", "passages")."""
    has_ids = exam.ids != tuple(str(i) for i in range(len(exam)))
    is_quiz = format in ("moodle-xml", "gift")
    texts = (text for q in exam for text in (q.prompt, *q.options))
    stored = _STORED_METADATA.get(format)
    parts = {
        "ids": has_ids and format in ("alpaca", "hub-mmlu"),
        "passages": format in _WITHOUT_PASSAGES and any(q.passages for q in exam),
        "titles, ids and scores of passages": format in ("kaggle", "lm-eval")
        and any(p.title or p.id or p.score is not None for q in exam for p in q.passages),
        "metadata": stored is not None and any(set(q.metadata) - stored for q in exam),
        "space around texts": is_quiz and any(text != text.strip() for text in texts),
    }
    return tuple(name for name, is_lost in parts.items() if is_lost)


def to_long(exam: Exam) -> list[LongRow]:
    """Return an exam in long format: one row per option.

    Raises:
        ExamError: A question has no answer.
    """
    rows = []
    for row, question in enumerate(exam, 1):
        if question.answer is None:
            raise ExamError(
                f"question '{question.id}' has no answer, so its options have no label",
                file=exam.source or None,
                row=row,
                field="answer",
                hint="Remove questions without answers",
            )
        rows += [
            LongRow(question.id, question.prompt, option, int(i in question.right_options))
            for i, option in enumerate(question.options)
        ]
    return rows


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a CSV text with CRLF line endings (RFC 4180).

    Raises:
        ExamError: A cell has a NUL character, which CSV readers reject.
    """
    out = io.StringIO(newline="")
    # With CRLF as line terminator, the csv module quotes cells with a lone CR or LF.
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    text = out.getvalue()
    if "\0" in text:
        raise ExamError(
            "expected text without NUL characters, which CSV cannot store", hint="Use --to jsonl"
        )
    return text


def _kaggle(exam: Exam) -> str:
    require_one_right(exam)
    for row, question in enumerate(exam, 1):
        if not question.options[-1].strip():
            raise ExamError(
                f"the last option of question '{question.id}' is blank: in this format, blank "
                "cells at the end are ignored",
                file=exam.source or None,
                row=row,
                hint="Use --to jsonl",
            )
    n_options = max(len(question.options) for question in exam)
    letters = [letter_of(i) for i in range(n_options)]
    some_answer = any(question.answer is not None for question in exam)
    has_context = any(question.passages for question in exam)
    keys = list(dict.fromkeys(key for question in exam for key in question.metadata))
    fixed = ["id", "prompt", *letters]
    fixed += ["answer"] if some_answer else []
    fixed += ["context"] if has_context else []
    _check_keys(keys, {*fixed, "answer", "context"})

    def cells(question: Question) -> list[str]:
        row = [question.id, question.prompt, *question.options]
        row += [""] * (n_options - len(question.options))
        row += [question.answer_letter or ""] if some_answer else []
        row += [join_context(question.passages)] if has_context else []
        return row + [question.metadata.get(key, "") for key in keys]

    return csv_text([*fixed, *keys], [cells(question) for question in exam])


def _check_keys(keys: Sequence[str], taken: set[str]) -> None:
    for key in keys:
        is_letter = len(key) == 1 and "A" <= key <= "Z"
        if key in taken or is_letter or key != key.strip():
            raise ExamError(
                f"metadata '{key}' cannot be a column name in this format", hint="Use --to jsonl"
            )


def _jsonl(exam: Exam) -> str:
    return "".join(
        json.dumps(_jsonl_record(question), ensure_ascii=False, allow_nan=False) + "\n"
        for question in exam
    )


def _jsonl_record(question: Question) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": question.id,
        "prompt": question.prompt,
        "options": list(question.options),
        "answer": [letter_of(i) for i in question.right] or question.answer_letter,
    }
    if question.passages:
        record["passages"] = [
            {
                "text": passage.text,
                **({"title": passage.title} if passage.title else {}),
                **({"id": passage.id} if passage.id else {}),
                **({"score": passage.score} if passage.score is not None else {}),
            }
            for passage in question.passages
        ]
    if question.metadata:
        record["metadata"] = dict(question.metadata)
    return record


def _alpaca(exam: Exam) -> str:
    require_one_right(exam)
    records = []
    for row, question in enumerate(exam, 1):
        text = render_input(question.prompt, question.options)
        if parse_input(text) != (question.prompt, question.options):
            raise ExamError(
                f"question '{question.id}' contains a line that starts like an option "
                "('A:', 'B:', ...), so it could not be read back",
                file=exam.source or None,
                row=row,
                hint="Reword that line, or use --to jsonl",
            )
        records.append(
            {
                "instruction": INSTRUCTION,
                "input": text,
                "output": question.answer_letter or "",
            }
        )
    return json.dumps(records, ensure_ascii=False, indent=2) + "\n"


def _long(exam: Exam) -> str:
    return csv_text(LongRow._fields, to_long(exam))


def _lm_eval(exam: Exam) -> str:
    path = Path("task.yaml")
    return str(lm_eval_files(exam, path)[path])


WRITERS: dict[str, Callable[[Exam], str]] = {
    "kaggle": _kaggle,
    "jsonl": _jsonl,
    "alpaca": _alpaca,
    "long": _long,
    "moodle-xml": moodle_xml_text,
    "gift": gift_text,
    "hub-mmlu": mmlu_text,
    "inspect": inspect_text,
    "lm-eval": _lm_eval,
}
"""Forms that exams can be written in; each function returns the text of the file."""

_WITHOUT_PASSAGES = frozenset({"alpaca", "long", "moodle-xml", "gift", "hub-mmlu", "inspect"})
_STORED_METADATA: dict[str, frozenset[str]] = {
    "alpaca": frozenset(),
    "long": frozenset(),
    "lm-eval": frozenset(),
    "moodle-xml": STORED,
    "gift": STORED,
    "hub-mmlu": frozenset({"subject"}),
}
