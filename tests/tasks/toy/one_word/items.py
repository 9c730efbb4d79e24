"""The questions of the exam, read from a CSV file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import ExamError
from llmexam.storage.hashing import hash_file, hash_json


@dataclass(frozen=True)
class WordExam:
    """Questions that are answered with one word.

    Attributes:
        prompts: The question texts.
        answers: The right words; empty if the file has none.
        ids: One id per question.
        source: The file.
        source_hash: SHA-256 of the file.
        format: The format of the file.
    """

    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    ids: tuple[str, ...]
    source: str
    source_hash: str
    format: str = "csv"

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def is_labelled(self) -> bool:
        """Whether the right answers are known."""
        return bool(self.answers)

    @property
    def content_hash(self) -> str:
        """Hash of ids, prompts and answers; part of the cache key of every stage."""
        return hash_json([self.ids, self.prompts, self.answers])


def read_words(path: Path) -> WordExam:
    """Read a CSV file with the columns `prompt` and, if answers are known, `answer`."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ExamError("the file cannot be read", file=path) from error
    if not rows or "prompt" not in rows[0]:
        raise ExamError("expected rows with a column 'prompt', got none", file=path)
    return WordExam(
        prompts=tuple(row["prompt"] for row in rows),
        answers=tuple(row["answer"] for row in rows if "answer" in row),
        ids=tuple(str(number) for number in range(1, len(rows) + 1)),
        source=str(path),
        source_hash=hash_file(path),
    )
